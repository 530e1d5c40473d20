/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the kernel that are not to be traced by wildcard: those that run inside the tracer's own machinery, or under locks and in
 * contexts from which a probe cannot return. Machines have frozen on each of these kinds; that the kernel itself lets a probe
 * be put there does not say that it survives it. A function that is named in full is the user's own decision, but for return probes on locks.
 */
#include "probe/probe_priv.h"

struct deny_row { const char *pattern, *why; };

static const char deny_lock[] = "a lock that the tracer itself takes", deny_rcu[] = "part of RCU, which probes rely on",
		  deny_trace[] = "part of the tracing machinery itself", deny_entry[] = "runs where the kernel is only half entered",
		  deny_nmi[] = "runs in NMIs", deny_time[] = "read by the tracer for each event", deny_ring[] = "part of the tracer's own output",
		  deny_idle[] = "runs while RCU does not watch", deny_patch[] = "runs while the kernel's text is being changed",
		  deny_preempt[] = "runs in each entry to a probe", deny_text[] = "a part of a function";

/* In the order of the alphabet within a kind. '*' and '?' as everywhere. */
static const struct deny_row deny_rows[] = {
	/* parts of functions and marks in the text: nothing that anybody means */
	{ "*.part.*", deny_text }, { "*.cold", deny_text }, { "__cfi_*", deny_text }, { "__pfx_*", deny_text },
	/* locks */
	{ "*_spin_lock*", deny_lock }, { "*_spin_trylock*", deny_lock }, { "*_spin_unlock*", deny_lock }, { "*queued_spin_*", deny_lock },
	{ "*queued_read_*", deny_lock }, { "*queued_write_*", deny_lock }, { "_raw_read_*", deny_lock }, { "_raw_write_*", deny_lock },
	{ "*raw_spin_rq_*", deny_lock }, { "__pv_queued_*", deny_lock }, { "*pv_kick*", deny_lock }, { "*pv_wait*", deny_lock },
	{ "*lockdep_*", deny_lock }, { "lock_acquire*", deny_lock }, { "lock_release*", deny_lock }, { "*lock_is_held*", deny_lock },
	{ "do_raw_*", deny_lock }, { "osq_*", deny_lock }, { "rcuwait_*", deny_lock },
	/* RCU */
	{ "*rcu_*", deny_rcu }, { "call_rcu*", deny_rcu }, { "*synchronize_rcu*", deny_rcu }, { "__srcu_*", deny_rcu }, { "*context_tracking*", deny_rcu },
	{ "ct_*", deny_rcu }, { "__ct_*", deny_rcu },
	/* the machinery of tracing */
	{ "bpf_*", deny_trace }, { "__bpf_*", deny_trace }, { "___bpf_*", deny_trace }, { "do_bpf_*", deny_trace }, { "__traceiter_*", deny_trace },
	{ "__probestub_*", deny_trace }, { "*ftrace*", deny_trace }, { "*kprobe*", deny_trace }, { "*kretprobe*", deny_trace }, { "*fprobe*", deny_trace },
	{ "*rethook*", deny_trace }, { "*fgraph*", deny_trace }, { "*function_graph*", deny_trace }, { "trace_*", deny_trace },
	{ "__trace_*", deny_trace }, { "*_trace_*", deny_trace }, { "tracing_*", deny_trace }, { "perf_*", deny_trace }, { "__perf_*", deny_trace },
	{ "*perf_event*", deny_trace }, { "*uprobe*", deny_trace }, { "*tracepoint*", deny_trace }, { "*stack_map*", deny_trace },
	{ "htab_*", deny_trace }, { "array_map_*", deny_trace }, { "__htab_*", deny_trace }, { "*ringbuf*", deny_ring }, { "*ring_buffer*", deny_ring },
	{ "rb_*", deny_ring }, { "irq_work_*", deny_ring }, { "__irq_work_*", deny_ring }, { "*copy_from_*_nofault", deny_trace },
	{ "*copy_to_*_nofault", deny_trace }, { "strncpy_from_*_nofault*", deny_trace }, { "*__get_current_*", deny_trace }, { "*migrate_disable", deny_trace },
	{ "*migrate_enable", deny_trace }, { "*copy_from_user_nmi*", deny_nmi }, { "*search_exception*", deny_trace }, { "search_extable*", deny_trace },
	{ "fixup_exception", deny_trace }, { "ex_handler*", deny_trace }, { "unwind_*", deny_trace }, { "__unwind_*", deny_trace }, { "orc_*", deny_trace },
	{ "*stack_trace*", deny_trace }, { "*kallsyms*", deny_trace }, { "*module_address*", deny_trace }, { "is_module_*", deny_trace },
	{ "*kernel_text*", deny_trace }, { "within_*", deny_trace }, { "*dereference_*_symbol", deny_trace },
	/* entries, interrupts, exceptions */
	{ "*nmi*", deny_nmi }, { "*exc_*", deny_entry }, { "asm_*", deny_entry }, { "*do_int3*", deny_entry }, { "*int3*", deny_entry },
	{ "irqentry_*", deny_entry }, { "irq_enter*", deny_entry }, { "irq_exit*", deny_entry }, { "*__irq_exit*", deny_entry }, { "sysvec_*", deny_entry },
	{ "*syscall_enter_from*", deny_entry }, { "*syscall_exit_to*", deny_entry }, { "*exit_to_user*", deny_entry }, { "enter_from_user*", deny_entry },
	{ "do_syscall_*", deny_entry }, { "*x64_sys_call", deny_entry }, { "*ia32_sys_call", deny_entry }, { "*page_fault*", deny_entry }, { "*handle_debug*", deny_entry },
	{ "notify_die", deny_entry }, { "*notifier_call_chain*", deny_entry }, { "*machine_check*", deny_entry }, { "*mce_*", deny_entry }, { "fixup_*bug*", deny_entry },
	/* clocks and identity: what handlers call */
	{ "ktime_get*", deny_time }, { "*sched_clock*", deny_time }, { "local_clock*", deny_time }, { "read_tsc", deny_time }, { "*clocksource_*", deny_time },
	{ "*get_task_cred*", deny_time }, { "*prandom*", deny_time },
	/* idle, preemption, scheduling's innermost part */
	{ "*cpu_idle*", deny_idle }, { "do_idle", deny_idle }, { "*default_idle*", deny_idle }, { "*_idle_enter*", deny_idle }, { "*_idle_exit*", deny_idle },
	{ "intel_idle*", deny_idle }, { "acpi_idle*", deny_idle }, { "*poll_idle*", deny_idle }, { "*idle_poll*", deny_idle }, { "play_idle*", deny_idle }, { "*haltpoll*", deny_idle },
	{ "sched_clock_idle*", deny_idle }, { "mwait_*", deny_idle }, { "*cpuidle*", deny_idle }, { "tick_*", deny_idle },
	{ "preempt_*", deny_preempt }, { "__preempt_*", deny_preempt }, { "*preempt_count*", deny_preempt }, { "*preempt_schedule*", deny_preempt },
	{ "*schedule_irq*", deny_preempt }, { "*smp_call_function*", deny_preempt }, { "*native_*", deny_preempt }, { "*paravirt*", deny_preempt },
	{ "*xen_*", deny_preempt }, { "kvm_*clock*", deny_time }, { "*pvclock*", deny_time }, { "hv_*", deny_preempt },
	/* text, static calls, jump labels */
	{ "*text_poke*", deny_patch }, { "*static_call*", deny_patch }, { "*jump_label*", deny_patch }, { "*static_key*", deny_patch },
	{ "*stop_machine*", deny_patch }, { "multi_cpu_stop", deny_patch }, { "stop_one_cpu*", deny_patch }, { "*cpu_stop*", deny_patch },
	{ "__SCT__*", deny_patch },
	{ "arch_*trampoline*", deny_trace }, { "*__fentry__*", deny_trace }, { "*return_to_handler*", deny_trace }, { "*__stack_chk_fail*", deny_entry },
};

const char *deny_reason(const char *function, bool *ret_counts)
{
	for (size_t i = 0; i < sizeof(deny_rows) / sizeof(*deny_rows); i++) {
		if (!str_match(deny_rows[i].pattern, function))
			continue;
		*ret_counts = deny_rows[i].why != deny_text;
		return deny_rows[i].why;
	}
	return NULL;
}

bool deny_is_lock(const char *function)
{
	bool counts;
	return deny_reason(function, &counts) == deny_lock;
}
