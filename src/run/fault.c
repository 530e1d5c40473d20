/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures at run time, told with their place in the source (reference 7.4): programs count them in the data map (ir/lower_fault.c), we look
 * whenever we look into the rings. Each place is told of when it fails first; how often it did is told at the end.
 */
#include <errno.h>

#include "run/run.h"

/* The two words of a place: how often, and what the helper returned last. */
static const volatile uint64_t *fault_words(const struct session *s, const struct module_fault *f)
{
	uint64_t off = (uint64_t)s->module.globals_off + f->offset;
	return s->data && off + 16 <= s->data_size ? (const volatile uint64_t *)(s->data + off) : NULL;
}

void faults_tell(struct session *s)
{
	for (uint32_t i = 0; i < s->module.faults.n; i++) {
		struct module_fault *f = &s->module.faults.v[i];
		const volatile uint64_t *w = f->told ? NULL : fault_words(s, f);
		if (!w || !__atomic_load_n(&w[0], __ATOMIC_ACQUIRE))
			continue;
		f->told = true;
		struct out_fault x = { .span = f->span, .helper = f->helper, .calls = f->calls, .retcode = (int64_t)w[1], .message = f->message };
		if (!x.message || (f->helper && x.retcode < 0 && x.retcode != -E2BIG)) /* "map full" has a number of its own */
			x.message = strerror((int)-x.retcode);
		s->out.ops->fault(&s->out, &s->diags, &x);
	}
}

void faults_summary(struct session *s)
{
	faults_tell(s);
	for (uint32_t i = 0; i < s->module.faults.n; i++) {
		const struct module_fault *f = &s->module.faults.v[i];
		const volatile uint64_t *w = fault_words(s, f);
		if (!w || w[0] < 2)
			continue;
		buf_clear(&s->text);
		buf_addf(&s->text, "%s (%llu times in all)", f->message ? f->message : strerror((int)-(int64_t)w[1]), (unsigned long long)w[0]);
		s->out.ops->message(&s->out, EV_RUNTIME, &s->diags, f->span, s->text.s ? s->text.s : "", s->text.len);
	}
}
