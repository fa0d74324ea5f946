// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* A switch of 64 cases for each of 64 bytes. */
SEC("xdp")
int work(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	if ((void *)(data + 64) > end)
		return 0;
	for (__u32 i = 0; i < 64; i++) {
		switch (data[i] & 63) {
		case 0:
			sum += 0;
			break;
		case 1:
			sum ^= 2135;
			break;
		case 2:
			sum = sum * 3 + 4270;
			break;
		case 3:
			sum -= 6405;
			break;
		case 4:
			sum += 8540;
			break;
		case 5:
			sum ^= 702;
			break;
		case 6:
			sum = sum * 3 + 2837;
			break;
		case 7:
			sum -= 4972;
			break;
		case 8:
			sum += 7107;
			break;
		case 9:
			sum ^= 9242;
			break;
		case 10:
			sum = sum * 3 + 1404;
			break;
		case 11:
			sum -= 3539;
			break;
		case 12:
			sum += 5674;
			break;
		case 13:
			sum ^= 7809;
			break;
		case 14:
			sum = sum * 3 + 9944;
			break;
		case 15:
			sum -= 2106;
			break;
		case 16:
			sum += 4241;
			break;
		case 17:
			sum ^= 6376;
			break;
		case 18:
			sum = sum * 3 + 8511;
			break;
		case 19:
			sum -= 673;
			break;
		case 20:
			sum += 2808;
			break;
		case 21:
			sum ^= 4943;
			break;
		case 22:
			sum = sum * 3 + 7078;
			break;
		case 23:
			sum -= 9213;
			break;
		case 24:
			sum += 1375;
			break;
		case 25:
			sum ^= 3510;
			break;
		case 26:
			sum = sum * 3 + 5645;
			break;
		case 27:
			sum -= 7780;
			break;
		case 28:
			sum += 9915;
			break;
		case 29:
			sum ^= 2077;
			break;
		case 30:
			sum = sum * 3 + 4212;
			break;
		case 31:
			sum -= 6347;
			break;
		case 32:
			sum += 8482;
			break;
		case 33:
			sum ^= 644;
			break;
		case 34:
			sum = sum * 3 + 2779;
			break;
		case 35:
			sum -= 4914;
			break;
		case 36:
			sum += 7049;
			break;
		case 37:
			sum ^= 9184;
			break;
		case 38:
			sum = sum * 3 + 1346;
			break;
		case 39:
			sum -= 3481;
			break;
		case 40:
			sum += 5616;
			break;
		case 41:
			sum ^= 7751;
			break;
		case 42:
			sum = sum * 3 + 9886;
			break;
		case 43:
			sum -= 2048;
			break;
		case 44:
			sum += 4183;
			break;
		case 45:
			sum ^= 6318;
			break;
		case 46:
			sum = sum * 3 + 8453;
			break;
		case 47:
			sum -= 615;
			break;
		case 48:
			sum += 2750;
			break;
		case 49:
			sum ^= 4885;
			break;
		case 50:
			sum = sum * 3 + 7020;
			break;
		case 51:
			sum -= 9155;
			break;
		case 52:
			sum += 1317;
			break;
		case 53:
			sum ^= 3452;
			break;
		case 54:
			sum = sum * 3 + 5587;
			break;
		case 55:
			sum -= 7722;
			break;
		case 56:
			sum += 9857;
			break;
		case 57:
			sum ^= 2019;
			break;
		case 58:
			sum = sum * 3 + 4154;
			break;
		case 59:
			sum -= 6289;
			break;
		case 60:
			sum += 8424;
			break;
		case 61:
			sum ^= 586;
			break;
		case 62:
			sum = sum * 3 + 2721;
			break;
		case 63:
			sum -= 4856;
			break;
		}
	}
	return sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
