/** A header of a packet: how programs find it and what they can read of it. Numbers are in the order of the host. */
export interface Layer {
  /** The C struct. */
  readonly struct: string;
  /** Reading a field; `h` is the pointer to the header. */
  readonly fields: { readonly [name: string]: { readonly c: string; readonly bits: number } };
  /** Headers that may follow. */
  readonly next: { readonly [name: string]: { readonly layer: LayerName; readonly when: string; readonly at: string } };
  /** What has to hold of the header itself. */
  readonly valid?: string;
}
export type LayerName = 'eth' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'icmp';

const BEHIND = '(void *)(h + 1)';
const BEHIND_IPV4 = '(void *)h + h->ihl * 4';
/** Only the first fragment has the header of the transport. */
const FIRST = '!(h->frag_off & bpf_htons(0x1fff))';

export const LAYERS: { readonly [name in LayerName]: Layer } = {
  eth: {
    struct: 'struct ethhdr',
    fields: { proto: { c: 'bpf_ntohs(h->h_proto)', bits: 16 } },
    next: {
      ipv4: { layer: 'ipv4', when: 'h->h_proto == bpf_htons(0x0800)', at: BEHIND },
      ipv6: { layer: 'ipv6', when: 'h->h_proto == bpf_htons(0x86dd)', at: BEHIND },
    },
  },
  ipv4: {
    struct: 'struct iphdr',
    valid: 'h->ihl >= 5',
    fields: {
      saddr: { c: 'bpf_ntohl(h->saddr)', bits: 32 },
      daddr: { c: 'bpf_ntohl(h->daddr)', bits: 32 },
      proto: { c: 'h->protocol', bits: 8 },
      ttl: { c: 'h->ttl', bits: 8 },
      tos: { c: 'h->tos', bits: 8 },
      id: { c: 'bpf_ntohs(h->id)', bits: 16 },
      length: { c: 'bpf_ntohs(h->tot_len)', bits: 16 },
    },
    next: {
      tcp: { layer: 'tcp', when: `h->protocol == 6 && ${FIRST}`, at: BEHIND_IPV4 },
      udp: { layer: 'udp', when: `h->protocol == 17 && ${FIRST}`, at: BEHIND_IPV4 },
      icmp: { layer: 'icmp', when: `h->protocol == 1 && ${FIRST}`, at: BEHIND_IPV4 },
    },
  },
  ipv6: {
    struct: 'struct ipv6hdr',
    fields: {
      proto: { c: 'h->nexthdr', bits: 8 },
      ttl: { c: 'h->hop_limit', bits: 8 },
      length: { c: 'bpf_ntohs(h->payload_len)', bits: 16 },
    },
    next: {
      tcp: { layer: 'tcp', when: 'h->nexthdr == 6', at: BEHIND },
      udp: { layer: 'udp', when: 'h->nexthdr == 17', at: BEHIND },
    },
  },
  tcp: {
    struct: 'struct tcphdr',
    fields: {
      sport: { c: 'bpf_ntohs(h->source)', bits: 16 },
      dport: { c: 'bpf_ntohs(h->dest)', bits: 16 },
      seq: { c: 'bpf_ntohl(h->seq)', bits: 32 },
      ack: { c: 'bpf_ntohl(h->ack_seq)', bits: 32 },
      flags: { c: '((u8 *)h)[13]', bits: 8 },
      window: { c: 'bpf_ntohs(h->window)', bits: 16 },
    },
    next: {},
  },
  udp: {
    struct: 'struct udphdr',
    fields: {
      sport: { c: 'bpf_ntohs(h->source)', bits: 16 },
      dport: { c: 'bpf_ntohs(h->dest)', bits: 16 },
      length: { c: 'bpf_ntohs(h->len)', bits: 16 },
    },
    next: {},
  },
  icmp: {
    struct: 'struct icmphdr',
    fields: { type: { c: 'h->type', bits: 8 }, code: { c: 'h->code', bits: 8 } },
    next: {},
  },
};
