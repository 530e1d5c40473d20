/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms over time (-f svg, --live): at a pace the maps that hold histograms are read, and what they gained goes to the film
 * (out/film.h). A look that takes long is not made often: never more than a twentieth of the time goes into looking.
 *
 * --live draws after each look, on a terminal's alternate screen, which is left as it was found. What the program prints meanwhile
 * would tear the picture: the caller keeps it until the end (out_fd and err_fd are files), and maps are printed only then.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

enum { SAMPLE_SHARE = 20 };

static uint64_t sample_now(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool sample_is_histogram(const struct module_map *m)
{
	return m->name.len && m->value && (m->value->kind == T_HIST || m->value->kind == T_LHIST);
}

static void sample_arm(struct session *s, uint64_t ns)
{
	struct itimerspec t = { .it_value = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) } };
	timerfd_settime(s->sample_timer, 0, &t, NULL);
}

int sample_open(struct session *s)
{
	bool any = false;
	for (uint32_t i = 0; i < s->module.maps.n; i++)
		any |= sample_is_histogram(&s->module.maps.v[i]);
	if (!s->o->film || !any)
		return s->o->screen_fd >= 0 ? -ENODATA : 0;
	s->sample_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->sample_timer < 0)
		return -errno;
	film_start(s->o->film, sample_now());
	sample_arm(s, s->o->film->step_ns);
	if (s->o->screen_fd >= 0) {
		static const char enter[] = "\033[?1049h\033[?25l\033[H\033[2J";
		s->on_screen = write(s->o->screen_fd, enter, sizeof(enter) - 1) == sizeof(enter) - 1;
	}
	return 0;
}

void sample_take(struct session *s)
{
	struct film *f = s->o->film;
	if (s->sample_timer < 0)
		return;
	film_begin(f, sample_now());
	for (uint32_t i = 0; i < s->module.maps.n; i++) {
		const struct module_map *m = &s->module.maps.v[i];
		struct map_rows r;
		if (!sample_is_histogram(m) || map_read(s, i, &r))
			continue;
		struct out_map o = { .name = m->name, .key = m->key, .value = m->value, .value_size = agg_size(m->value, m->value_size),
				     .rows = r.rows, .n = r.n };
		for (uint32_t k = 0; k < s->module.events.n; k++) /* what the program says when it prints it */
			if (s->module.events.v[k].kind == EV_PRINT_MAP && s->module.events.v[k].map == i && s->module.events.v[k].fmt.len)
				o.unit = s->module.events.v[k].fmt;
		film_look(f, &s->out_env, &o);
		map_rows_fini(&r);
	}
	film_end(f);
}

void sample_clear(struct session *s, uint32_t map)
{
	if (s->sample_timer < 0 || !sample_is_histogram(&s->module.maps.v[map]))
		return;
	sample_take(s);
	film_forget(s->o->film, s->module.maps.v[map].name);
}

static void sample_show(struct session *s)
{
	struct winsize w = { 0 };
	struct buf b = { 0 }, text = { 0 };
	if (ioctl(s->o->screen_fd, TIOCGWINSZ, &w) || !w.ws_col || !w.ws_row)
		w = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	live_draw(s->o->film, w.ws_col, w.ws_row, s->o->screen_colours, &text);
	buf_adds(&b, "\033[H");
	for (size_t i = 0; i < text.len; i++) { /* each line wipes what the last picture had behind it */
		if (text.s[i] == '\n')
			buf_adds(&b, "\033[K\r");
		buf_addc(&b, text.s[i]);
	}
	buf_adds(&b, "\033[J");
	if (write(s->o->screen_fd, b.s ? b.s : "", b.len) < 0 && errno == EPIPE)
		s->stopping = true;
	buf_fini(&b);
	buf_fini(&text);
}

void sample_tick(struct session *s)
{
	uint64_t expired, begun = sample_now();
	if (read(s->sample_timer, &expired, sizeof(expired)) < 0)
		return;
	sample_take(s);
	if (s->on_screen)
		sample_show(s);
	uint64_t took = sample_now() - begun, step = s->o->film->step_ns;
	/* on the grid of columns, so that each look fills one of them */
	uint64_t gone = sample_now() - s->o->film->start_ns, next = step - gone % step;
	sample_arm(s, took * SAMPLE_SHARE > next ? took * SAMPLE_SHARE : next);
}

void sample_close(struct session *s)
{
	static const char leave[] = "\033[?25h\033[?1049l";
	if (s->on_screen && write(s->o->screen_fd, leave, sizeof(leave) - 1) < 0)
		s->status = 1;
	s->on_screen = false;
	if (s->sample_timer >= 0)
		close(s->sample_timer);
	s->sample_timer = -1;
}
