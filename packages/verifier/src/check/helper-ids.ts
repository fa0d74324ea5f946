import { helperId } from '@skep/abi';

// Helpers that the checks name.

export const D_PATH = helperId('bpf_d_path');
export const DYNPTR_FROM_MEM = helperId('bpf_dynptr_from_mem');
export const DYNPTR_WRITE = helperId('bpf_dynptr_write');
export const FOR_EACH_MAP_ELEM = helperId('bpf_for_each_map_elem');
export const GET_FUNC_IP = helperId('bpf_get_func_ip');
export const GET_LOCAL_STORAGE = helperId('bpf_get_local_storage');
export const GET_SMP_PROCESSOR_ID = helperId('bpf_get_smp_processor_id');
export const KPTR_XCHG = helperId('bpf_kptr_xchg');
export const MAP_DELETE_ELEM = helperId('bpf_map_delete_elem');
export const MAP_LOOKUP_ELEM = helperId('bpf_map_lookup_elem');
export const MAP_PEEK_ELEM = helperId('bpf_map_peek_elem');
export const MAP_POP_ELEM = helperId('bpf_map_pop_elem');
export const MAP_PUSH_ELEM = helperId('bpf_map_push_elem');
export const MAP_UPDATE_ELEM = helperId('bpf_map_update_elem');
export const SET_RETVAL = helperId('bpf_set_retval');
export const SK_RELEASE = helperId('bpf_sk_release');
export const SPIN_UNLOCK = helperId('bpf_spin_unlock');
export const TAIL_CALL = helperId('bpf_tail_call');
export const TIMER_SET_CALLBACK = helperId('bpf_timer_set_callback');
