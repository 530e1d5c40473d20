/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_pcap FILE PORT: reads a capture file of raw IPv4 packets with times in ns, and prints a line for each UDP datagram to PORT: bytes in the
 * file, bytes on the wire, payload's first letter and how many of it, 1 when the time is of the last hour. What is not such a file ends it with 1.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct { uint32_t magic; uint16_t major, minor; uint32_t zone, accuracy, snaplen, link; } h;
	struct { uint32_t s, ns, captured, wanted; } r;
	static uint8_t p[1 << 18];
	FILE *f = argc > 2 ? fopen(argv[1], "r") : NULL;
	if (!f || fread(&h, sizeof(h), 1, f) != 1 || h.magic != 0xa1b23c4d || h.major != 2 || h.minor != 4 || h.link != 101)
		return 1;
	while (fread(&r, sizeof(r), 1, f) == 1) {
		uint16_t port;
		if (r.captured > r.wanted || r.captured > h.snaplen || r.ns >= 1000000000 || fread(p, 1, r.captured, f) != r.captured)
			return 1;
		unsigned at = (p[0] & 15u) * 4;
		if (r.captured < at + 9 || p[0] >> 4 != 4 || p[9] != 17)
			continue;
		memcpy(&port, p + at + 2, 2);
		if (ntohs(port) != atoi(argv[2]))
			continue;
		unsigned letters = 0;
		while (at + 8 + letters < r.captured && p[at + 8 + letters] == p[at + 8])
			letters++;
		printf("%u %u %c %u %d\n", r.captured, r.wanted, p[at + 8], letters, time(NULL) - r.s < 3600 && time(NULL) - r.s >= 0);
	}
	return ferror(f) || !feof(f);
}
