/* SPDX-License-Identifier: Apache-2.0 */
/* load OBJECT: load and attach a compiled BPF object, say "ready", drain its ring (a map named events) until SIGINT. */
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stop;
static unsigned long events;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int on_event(void *arg, void *data, size_t size)
{
	(void)arg, (void)data, (void)size;
	events++;
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_object *o = argc > 1 ? bpf_object__open(argv[1]) : NULL;
	struct ring_buffer *ring = NULL;
	struct bpf_program *p;
	int fd;

	if (!o || bpf_object__load(o))
		return 1;
	bpf_object__for_each_program(p, o)
		if (!bpf_program__attach(p))
			return 1;
	fd = bpf_object__find_map_fd_by_name(o, "events");
	if (fd >= 0)
		ring = ring_buffer__new(fd, on_event, NULL, NULL);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	puts("ready");
	fflush(stdout);
	while (!stop)
		if (ring)
			ring_buffer__poll(ring, 100);
		else
			sigsuspend(&(sigset_t){ 0 });
	return 0;
}
