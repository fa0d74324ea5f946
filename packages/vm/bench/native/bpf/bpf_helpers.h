/*
 * Maps for native code: the sizes in a map's declaration are constants at every call, so that the compiler specialises
 * each lookup for its map. The table itself hangs on the declaration's first member.
 */
#include <stdlib.h>
#include <string.h>

#define SEC(name) __attribute__((unused))
#define __always_inline inline __attribute__((always_inline))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name

#define NUMBER(map, field) (sizeof(*(map)->field) / sizeof(int))
#define SIZES(map) NUMBER(map, type), NUMBER(map, max_entries), sizeof(*(map)->key), sizeof(*(map)->value)
#define bpf_map_lookup_elem(map, k) lookup((void **)(map), SIZES(map), k)
#define bpf_map_update_elem(map, k, v, flags) update((void **)(map), SIZES(map), k, v)

struct entry {
	struct entry *next;
	__u32 hash;
	__u8 bytes[];
};

struct node {
	struct node *child[2];
	void *value;
};

static __always_inline __u32 hash_of(const __u8 *key, size_t size)
{
	__u32 h = 0x811c9dc5, word;
	size_t i = 0;

	for (; i + 4 <= size; i += 4) {
		memcpy(&word, key + i, 4);
		h = (h ^ word) * 0x01000193;
	}
	for (; i < size; i++)
		h = (h ^ key[i]) * 0x01000193;
	h ^= h >> 15;
	h *= 0x2c1b3c6d;
	return h ^ (h >> 13);
}

static __always_inline size_t buckets(size_t max)
{
	size_t n = 16;

	while (n < max)
		n *= 2;
	return n;
}

static __always_inline void *table(void **map, size_t bytes)
{
	if (__builtin_expect(*map == NULL, 0))
		*map = calloc(1, bytes);
	return *map;
}

static __always_inline void *lookup(void **map, size_t type, size_t max, size_t key_size, size_t value_size,
				    const void *key)
{
	if (type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		__u32 index = *(const __u32 *)key;
		size_t stride = (value_size + 7) & ~7ul;

		return index < max ? (__u8 *)table(map, max * stride) + index * stride : NULL;
	}
	if (type == BPF_MAP_TYPE_LPM_TRIE) {
		struct node *node = table(map, sizeof(struct node));
		const __u8 *bits = (const __u8 *)key + 4;
		__u32 length = *(const __u32 *)key;
		void *found = node->value;

		for (__u32 i = 0; i < length; i++) {
			node = node->child[(bits[i / 8] >> (7 - i % 8)) & 1];
			if (!node)
				break;
			if (node->value)
				found = node->value;
		}
		return found;
	}
	__u32 h = hash_of(key, key_size);
	struct entry **heads = table(map, buckets(max) * sizeof(*heads));

	for (struct entry *e = heads[h & (buckets(max) - 1)]; e; e = e->next)
		if (e->hash == h && memcmp(e->bytes, key, key_size) == 0)
			return e->bytes + ((key_size + 7) & ~7ul);
	return NULL;
}

static __always_inline long update(void **map, size_t type, size_t max, size_t key_size, size_t value_size,
				   const void *key, const void *value)
{
	if (type == BPF_MAP_TYPE_LPM_TRIE) {
		struct node *node = table(map, sizeof(struct node));
		const __u8 *bits = (const __u8 *)key + 4;

		for (__u32 i = 0; i < *(const __u32 *)key; i++) {
			struct node **child = &node->child[(bits[i / 8] >> (7 - i % 8)) & 1];

			if (!*child)
				*child = calloc(1, sizeof(**child));
			node = *child;
		}
		if (!node->value)
			node->value = malloc(value_size);
		memcpy(node->value, value, value_size);
		return 0;
	}
	void *at = lookup(map, type, max, key_size, value_size, key);

	if (!at && type == BPF_MAP_TYPE_HASH) {
		__u32 h = hash_of(key, key_size);
		struct entry **head = (struct entry **)*map + (h & (buckets(max) - 1));
		struct entry *e = calloc(1, sizeof(*e) + ((key_size + 7) & ~7ul) + value_size);

		e->next = *head;
		e->hash = h;
		memcpy(e->bytes, key, key_size);
		*head = e;
		at = e->bytes + ((key_size + 7) & ~7ul);
	}
	if (!at)
		return -7;
	memcpy(at, value, value_size);
	return 0;
}
