/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builtin values and functions, but for those that send a record
 * (lower_event.c) or work on maps (lower_map.c). sema.h says what a call looks
 * like when it arrives here.
 */
#include "ir/lower_priv.h"

/* struct pt_regs: where arguments, result, instruction pointer and stack pointer lie (bytes). */
#if defined(__x86_64__)
static const uint16_t reg_args[] = { 112, 104, 96, 88, 72, 64 };
enum { REG_RET = 80, REG_IP = 128, REG_MODE = 136, REG_SP = 152 };
#elif defined(__aarch64__)
static const uint16_t reg_args[] = { 0, 8, 16, 24, 32, 40, 48, 56 };
enum { REG_RET = 0, REG_IP = 256, REG_MODE = 264, REG_SP = 248 };
#else
#error "registers of this architecture are not known"
#endif

ref lower_pid_tgid(struct lower *l, bool init_ns)
{
	if (!l->o->pid_ns || init_ns)
		return ir_call(LB, TY_I64, H_get_current_pid_tgid, 0);
	/* struct bpf_pidns_info { u32 pid; u32 tgid; }: as bpf_get_current_pid_tgid() packs them */
	ref p = ir_slot(LB, func_slot(l->b.f, 8, 8, "pidns"));
	ir_zero(LB, p, 0, 8, 8);
	ir_call(LB, TY_I64, H_get_ns_current_pid_tgid, 4, ir_const(LB, (int64_t)l->o->ns_dev), ir_const(LB, (int64_t)l->o->ns_ino), p,
		ir_const(LB, 8));
	return ir_load(LB, TY_I64, 8, false, p, 0);
}

ref lower_reg(struct lower *l, int64_t off)
{
	return ir_load(LB, TY_I64, 8, false, lower_ctx(l), off);
}

/* Where the user function that returns began, from the kernel's own note of its pending return. */
static ref lower_pending_return(struct lower *l)
{
	static const char *const way[][2] = { { "task_struct", "utask" }, { "uprobe_task", "return_instances" }, { "return_instance", "func" } };
	struct type word = { .kind = T_PTR, .size = 8, .align = 8 };
	ref p = ir_call(LB, TY_I64, H_get_current_task, 0);
	for (size_t i = 0; i < sizeof(way) / sizeof(*way); i++) {
		uint32_t off;
		if (!lower_kernel_member(l->env->facts, way[i][0], way[i][1], &off))
			return ir_const(LB, 0);
		struct place at = { .base = ir_bin(LB, OP_ADD, p, ir_const(LB, off)), .align = 1, .where = W_KERN };
		p = lower_read(l, at, &word, NULL);
	}
	return p;
}

/* Where the probe is. The helper gives 0 behind the entry of a kernel function, and in uprobes of kernels before 6.6. */
ref lower_func_ip(struct lower *l)
{
	const struct provider *p = l->cl->provider;
	if (p->id == PROV_UPROBE || p->id == PROV_USDT || (p->id == PROV_KPROBE && p->has_pt_regs && l->cl->attach.v[0]->offset))
		return lower_reg(l, REG_IP);
	if (p->id == PROV_URETPROBE && l->env->facts && !l->env->facts->ops->has(l->env->facts, FEAT_UPROBE_MULTI)) /* as old as the helper's help */
		return lower_pending_return(l);
	return ir_call(LB, TY_I64, H_get_func_ip, 1, lower_ctx(l));
}

ref lower_register_word(struct lower *l, uint32_t n)
{
	if (n >= sizeof(reg_args) / sizeof(*reg_args))
		return ir_const(LB, 0);
	return lower_reg(l, reg_args[n]);
}

uint32_t lower_register_count(void)
{
	return sizeof(reg_args) / sizeof(*reg_args);
}

ref lower_stack_pointer(struct lower *l)
{
	return lower_reg(l, REG_SP);
}

/* What a breakpoint's program would read from a register, in a trampoline's: by a helper, since the words of its context have
 * types, and with pointers the verifier allows no arithmetic. */
ref lower_func_arg(struct lower *l, int64_t n)
{
	ref p = ir_slot(LB, func_slot(l->b.f, 8, 8, "word"));
	ir_zero(LB, p, 0, 8, 8);
	ir_call(LB, TY_I64, H_get_func_arg, 3, lower_ctx(l), ir_const(LB, n), p);
	return ir_load(LB, TY_I64, 8, false, p, 0);
}

static ref lower_func_ret(struct lower *l)
{
	ref p = ir_slot(LB, func_slot(l->b.f, 8, 8, "word"));
	ir_zero(LB, p, 0, 8, 8);
	ir_call(LB, TY_I64, H_get_func_ret, 2, lower_ctx(l), p);
	return ir_load(LB, TY_I64, 8, false, p, 0);
}

ref lower_ip(struct lower *l)
{
	return lower_reg(l, REG_IP);
}

static ref lower_argn(struct lower *l, const struct node *n)
{
	if (l->cl->provider->id == PROV_USDT)
		return lower_usdt_arg(l, n->ival);
	if (l->cl->provider->typed && !(l->cl->provider->access & ACC_ARGN_CTX))
		return lower_func_arg(l, n->ival);
	if (l->cl->provider->access & ACC_ARGN_CTX)
		return lower_reg(l, n->ival * 8);
	return lower_register_word(l, n->ival < 0 ? ~0u : (uint32_t)n->ival);
}

static ref lower_retval(struct lower *l, const struct node *n)
{
	if (l->cl->provider->typed && !(l->cl->provider->access & ACC_RETVAL_CTX))
		return lower_extend(l, lower_func_ret(l), n->type);
	if (!(l->cl->provider->access & ACC_RETVAL_CTX))
		return lower_word_value(l, lower_reg(l, REG_RET), n->type);
	/* fexit: the word behind the arguments */
	uint32_t args = l->cl->args ? l->cl->args->size : 0;
	bool btf = n->type->kind == T_PTR && n->type->as == AS_BTF;
	return lower_extend(l, ir_load(LB, btf ? TY_BTF : TY_I64, 8, false, lower_ctx(l), args), n->type);
}

static ref lower_now(struct lower *l, int64_t mode)
{
	switch (mode) {
	case NSECS_MONOTONIC:
		return ir_call(LB, TY_I64, H_ktime_get_ns, 0);
	case NSECS_TAI:
		return ir_call(LB, TY_I64, H_ktime_get_tai_ns, 0);
	case NSECS_SW_TAI:
		return ir_bin(LB, OP_ADD, ir_call(LB, TY_I64, H_ktime_get_boot_ns, 0),
			      ir_load(LB, TY_I64, 8, false, lower_header(l, DW_TAI_DELTA), 0));
	default:
		return ir_call(LB, TY_I64, H_ktime_get_boot_ns, 0);
	}
}

static ref lower_usermode(struct lower *l)
{
	ref m = lower_reg(l, REG_MODE);
#if defined(__x86_64__)
	return ir_bin(LB, OP_EQ, ir_bin(LB, OP_AND, m, ir_const(LB, 3)), ir_const(LB, 3)); /* the segment's privilege level */
#else
	return ir_bin(LB, OP_EQ, ir_bin(LB, OP_AND, m, ir_const(LB, 15)), ir_const(LB, 0)); /* EL0 */
#endif
}

static ref lower_low32(struct lower *l, ref v)
{
	return ir_un(LB, OP_ZEXT, 4, v);
}

ref lower_builtin(struct lower *l, struct node *n)
{
	switch (n->builtin) {
	case B_ARGN:
		return lower_argn(l, n);
	case B_SARGN:
		return lower_stack_word(l, n->ival);
	case B_CTX:
		return lower_ctx(l);
	case B_RETVAL:
		return lower_retval(l, n);
	case B_PID:
		return ir_bin(LB, OP_LSHR, lower_pid_tgid(l, n->ival == 1), ir_const(LB, 32));
	case B_TID:
		return lower_low32(l, lower_pid_tgid(l, n->ival == 1));
	case B_UID:
	case B_USERNAME:
		return lower_low32(l, ir_call(LB, TY_I64, H_get_current_uid_gid, 0));
	case B_GID:
		return ir_bin(LB, OP_LSHR, ir_call(LB, TY_I64, H_get_current_uid_gid, 0), ir_const(LB, 32));
	case B_NSECS:
		return lower_now(l, n->ival);
	case B_ELAPSED:
		return ir_bin(LB, OP_SUB, lower_now(l, NSECS_BOOT), ir_load(LB, TY_I64, 8, false, lower_header(l, DW_START_NS), 0));
	case B_CPU:
		return lower_low32(l, ir_call(LB, TY_I64, H_get_smp_processor_id, 0));
	case B_NCPUS:
		return ir_const(LB, l->o->ncpus);
	case B_NUMAID:
		return ir_un(LB, OP_SEXT, 4, ir_call(LB, TY_I64, H_get_numa_node_id, 0));
	case B_CGROUP:
		return ir_call(LB, TY_I64, H_get_current_cgroup_id, 0);
	case B_CURTASK:
		if (n->type->as == AS_BTF)
			return ir_call(LB, TY_BTF, H_get_current_task_btf, 0);
		return ir_call(LB, TY_I64, H_get_current_task, 0);
	case B_RAND:
		return lower_low32(l, ir_call(LB, TY_I64, H_get_prandom_u32, 0));
	case B_JIFFIES:
		return ir_call(LB, TY_I64, H_jiffies64, 0);
	case B_PROBE: case B_PROBENAME:
		if (l->attach != ~0u)
			return ir_const(LB, l->m->attaches.v[l->attach]->number);
		if (l->group)
			return l->in_callback ? ir_load(LB, TY_I64, 8, false, lower_frame(l), CELL_ATTACH) : ir_getvar(LB, l->v_attach);
		return lower_probe_number(l);
	case B_CPID:
		return ir_load(LB, TY_I64, 8, false, lower_header(l, DW_CPID), 0);
	case B_USERMODE:
		return lower_usermode(l);
	case B_FUNC:
		return lower_func_ip(l);
	default:
		lower_error(l, n->span, builtin_info[n->builtin].name);
		return ir_const(LB, 0);
	}
}

/* -- strings and bytes -- */

static bool lower_is_address(const struct type *t)
{
	return t->kind == T_PTR || type_is_int(t) || type_is_castable(t);
}

enum where lower_arg_where(struct lower *l, const struct node *n, ref ptr)
{
	enum addr_space as = n->type->as, of = sema_space(l->cl);
	/* Where the probe does not tell, the address's sign does; and integers of the kernel's probes may be anybody's (registers of a system call). */
	if (as == AS_NONE && of == AS_USER)
		as = of;
	return lower_where(l, ptr, as);
}

/* The limit of str(p, n) as a number of bytes with the NUL, when it is not a literal. */
static ref lower_str_limit(struct lower *l, struct node *n)
{
	if (n->list.n < 2 || n->list.v[1]->kind == N_INT)
		return NOREF;
	return ir_bin(LB, OP_ADD, lower_scalar(l, n->list.v[1]), ir_const(LB, 1));
}

static void lower_str_into(struct lower *l, struct node *n, struct place dst)
{
	struct node *arg = n->list.v[0];
	uint32_t size = n->type->size;
	if (lower_is_address(arg->type)) {
		ref ptr = lower_scalar(l, arg), max = lower_str_limit(l, n);
		lower_read_str(l, dst, size, max, ptr, lower_arg_where(l, arg, ptr), true);
		return;
	}
	/* bytes that we have: a string, an array of char, a buffer: up to the NUL or the end */
	struct place src = lower_place(l, arg);
	uint32_t have = arg->type->size;
	if (arg->type->kind == T_BUFFER) {
		src = lower_at(src, 4);
		have -= 4;
	}
	ref limit = lower_str_limit(l, n);
	if (limit || have >= size || arg->type->kind != T_STRING) {
		/* the helper stops at the NUL and adds one where there is none */
		enum where w = src.where == W_USER ? W_USER : W_KERN;
		lower_read_str(l, dst, size, limit, lower_address(l, src), w, true);
	} else {
		lower_string_copy(l, dst, size, src, have);
	}
}

static void lower_buf_into(struct lower *l, struct node *n, struct place dst)
{
	struct func *f = l->b.f;
	struct node *arg = n->list.v[0];
	uint32_t room = n->type->size - 4;
	struct place data = lower_at(dst, 4);
	const struct type *u32 = type_int(l->a, 4, false); /* the length; not aligned inside of a tuple */
	ref len = ir_const(LB, room);
	lower_zero(l, dst, n->type->size);
	if (n->list.n > 1 && n->list.v[1]->kind != N_INT) {
		uint32_t v = func_var(f, TY_I64, "len"), over = func_block(f), ok = func_block(f);
		ref want = lower_scalar(l, n->list.v[1]);
		ir_setvar(LB, v, want);
		ir_br(LB, ir_bin(LB, OP_UGT, want, ir_const(LB, room)), over, ok);
		ir_at(LB, over);
		ir_setvar(LB, v, ir_const(LB, room));
		ir_jmp(LB, ok);
		ir_at(LB, ok);
		len = ir_getvar(LB, v);
	} else if (n->list.n > 1 && n->list.v[1]->ival < room) {
		len = ir_const(LB, n->list.v[1]->ival);
	}
	if (!lower_is_address(arg->type)) {
		struct place src = lower_place(l, arg);
		if (arg->type->kind == T_BUFFER)
			src = lower_at(src, 4);
		lower_write(l, dst, u32, len);
		if (src.where == W_MEM && n->list.n < 2) {
			lower_copy(l, data, src, room);
			return;
		}
		ir_call(LB, TY_I64, src.where == W_USER ? H_probe_read_user : H_probe_read_kernel, 3, lower_address(l, data), len,
			lower_address(l, src));
		return;
	}
	ref ptr = lower_scalar(l, arg);
	enum where w = lower_arg_where(l, arg, ptr);
	uint32_t kern = func_block(f), user = func_block(f), bad_k = func_block(f), bad_u = func_block(f), good = func_block(f),
		 none = func_block(f), join = func_block(f);
	if (w == W_ANY)
		ir_br(LB, ir_bin(LB, OP_SLT, ptr, ir_const(LB, 0)), kern, user);
	else
		ir_jmp(LB, w == W_USER ? user : kern);
	ir_at(LB, kern);
	ref rk = ir_call(LB, TY_I64, H_probe_read_kernel, 3, lower_address(l, data), len, ptr);
	ir_br(LB, ir_bin(LB, OP_SLT, rk, ir_const(LB, 0)), bad_k, good);
	ir_at(LB, user);
	ref ru = ir_call(LB, TY_I64, H_probe_read_user, 3, lower_address(l, data), len, ptr);
	ir_br(LB, ir_bin(LB, OP_SLT, ru, ir_const(LB, 0)), bad_u, good);
	ir_at(LB, bad_k);
	lower_fault(l, FAULT_READ_KERNEL, rk);
	ir_jmp(LB, none);
	ir_at(LB, bad_u);
	lower_fault(l, FAULT_READ_USER, ru);
	ir_jmp(LB, none);
	ir_at(LB, none); /* what cannot be read is an empty buffer */
	lower_write(l, dst, u32, ir_const(LB, 0));
	ir_jmp(LB, join);
	ir_at(LB, good);
	lower_write(l, dst, u32, len);
	ir_jmp(LB, join);
	ir_at(LB, join);
}

static ref lower_strlen(struct lower *l, struct node *n)
{
	struct node *s = n->list.v[0];
	struct place t = lower_temp(l, s->type->size, 8, "strlen");
	ref len;
	if (s->kind == N_CALL && s->builtin == B_STR && lower_is_address(s->list.v[0]->type)) {
		ref ptr = lower_scalar(l, s->list.v[0]), max = lower_str_limit(l, s);
		len = lower_read_str(l, t, s->type->size, max, ptr, lower_arg_where(l, s->list.v[0], ptr), false);
	} else {
		struct place src = lower_place(l, s);
		len = lower_read_str(l, t, s->type->size, NOREF, lower_address(l, src), src.where == W_USER ? W_USER : W_KERN, false);
	}
	/* without the NUL; what could not be read has no length */
	struct func *f = l->b.f;
	uint32_t v = func_var(f, TY_I64, "length"), some = func_block(f), join = func_block(f);
	ir_setvar(LB, v, ir_const(LB, 0));
	ir_br(LB, len, some, join);
	ir_at(LB, some);
	ir_setvar(LB, v, ir_bin(LB, OP_SUB, len, ir_const(LB, 1)));
	ir_jmp(LB, join);
	ir_at(LB, join);
	return ir_getvar(LB, v);
}

/* A string whose first n bytes are compared: strings are zero behind their NUL, but the temporary need not be long. */
static struct place lower_prefix(struct lower *l, struct node *n, uint32_t want, uint32_t *ret_have)
{
	while (n->kind == N_CAST && n->type->kind == T_STRING && n->a->type->kind == T_STRING)
		n = n->a;
	*ret_have = n->type->size;
	if (n->kind == N_CALL && n->builtin == B_STR && lower_is_address(n->list.v[0]->type) && n->list.n == 1 && n->type->size > want + 1) {
		struct place t = lower_temp(l, want + 1, 8, "prefix");
		ref ptr = lower_scalar(l, n->list.v[0]);
		lower_read_str(l, t, want + 1, NOREF, ptr, lower_arg_where(l, n->list.v[0], ptr), true);
		*ret_have = want + 1;
		return t;
	}
	return lower_place(l, n);
}

static ref lower_strncmp(struct lower *l, struct node *n)
{
	int64_t limit = n->list.v[2]->ival;
	uint32_t want = limit > 1 << 16 ? 1 << 16 : (uint32_t)limit, have[2];
	if (want == 0)
		return ir_const(LB, 0);
	for (int i = 0; i < 2; i++) {
		struct node *s = n->list.v[i];
		if (s->kind == N_STRING && s->str.len + 1 < want)
			want = s->str.len + 1;
	}
	struct place x = lower_prefix(l, n->list.v[0], want, &have[0]), y = lower_prefix(l, n->list.v[1], want, &have[1]);
	uint32_t k = want;
	for (int i = 0; i < 2; i++)
		if (have[i] < k)
			k = have[i];
	return ir_bin(LB, OP_EQ, lower_bytes_equal(l, x, y, k), ir_const(LB, 0));
}

static void lower_ntop_into(struct lower *l, struct node *n, struct place dst)
{
	struct node *arg = vec_last(&n->list);
	uint32_t off = arg->type->kind == T_BUFFER ? 4 : 0;
	uint32_t size = type_is_int(arg->type) ? 4 : arg->type->size - off;
	ref af = n->list.n > 1 ? lower_scalar(l, n->list.v[0]) : ir_const(LB, size == 16 ? 10 : 2);
	lower_zero(l, dst, 24);
	struct type word = { .kind = T_INT, .size = 8, .align = 8 }, half = { .kind = T_INT, .size = 4, .align = 4 };
	lower_write(l, dst, &word, af);
	if (lower_is_value(arg->type)) {
		lower_write(l, lower_at(dst, 8), &half, lower_scalar(l, arg));
	} else {
		struct place src = lower_at(lower_place(l, arg), off);
		lower_copy(l, lower_at(dst, 8), src, size < 16 ? size : 16);
	}
}

static void lower_bytes_into(struct lower *l, struct node *arg, struct place dst, uint32_t size)
{
	if (lower_is_address(arg->type)) {
		ref ptr = lower_scalar(l, arg);
		struct place src = { .base = ptr, .align = 1, .where = lower_arg_where(l, arg, ptr) };
		lower_copy(l, dst, src, size);
	} else {
		lower_copy(l, dst, lower_at(lower_place(l, arg), arg->type->kind == T_BUFFER ? 4 : 0), size);
	}
}

static void lower_strftime_into(struct lower *l, struct node *n, struct place dst)
{
	struct type word = { .kind = T_INT, .size = 8, .align = 8 }, half = { .kind = T_INT, .size = 4, .align = 4 };
	lower_write(l, dst, &half, lower_strftime_id(l, n->list.v[0]->str));
	lower_write(l, lower_at(dst, 4), &half, ir_const(LB, n->ival));
	lower_write(l, lower_at(dst, 8), &word, lower_scalar(l, n->list.v[1]));
}

/* signal(): of the process, or of the thread. A number that the program computes is tested, as the helper would not say what was wrong. */
ref lower_signal_call(struct lower *l, struct node *n)
{
	struct func *f = l->b.f;
	bool thread = n->builtin == B_SIGNAL_THREAD;
	uint32_t ok = func_block(f), bad = func_block(f), failed = func_block(f), join = func_block(f);
	ref x = lower_scalar(l, n->list.v[0]);
	ir_br(LB, ir_bin(LB, OP_ULT, ir_bin(LB, OP_SUB, x, ir_const(LB, 1)), ir_const(LB, 64)), ok, bad);
	ir_at(LB, bad);
	lower_message(l, n, EV_ERRORF, thread ? STR("signal_thread expects an integer between 1 and 64 (inclusive). Got %d") :
						STR("signal expects an integer between 1 and 64 (inclusive). Got %d"), x);
	ir_jmp(LB, join);
	ir_at(LB, ok);
	ref r = ir_call(LB, TY_I64, thread ? H_send_signal_thread : H_send_signal, 1, x);
	ir_br(LB, r, failed, join);
	ir_at(LB, failed);
	lower_message(l, n, EV_WARNF, STR("signal call failed with error %d"), r);
	ir_jmp(LB, join);
	ir_at(LB, join);
	return NOREF;
}

void lower_call_into(struct lower *l, struct node *n, struct place dst)
{
	switch (n->builtin) {
	case B_STR:
		lower_str_into(l, n, dst);
		break;
	case B_BUF:
		lower_buf_into(l, n, dst);
		break;
	case B_STRFTIME:
		lower_strftime_into(l, n, dst);
		break;
	case B_NTOP:
		lower_ntop_into(l, n, dst);
		break;
	case B_STRERROR:
	case B_SIGNAL_NAME:
	case B_SYSCALL_NAME:
		lower_copy(l, dst, lower_name_place(l, n), n->type->size);
		break;
	case B_STR_CONCAT:
		lower_concat_into(l, n, dst);
		break;
	case B_WORDS:
	case B_QUOTED:
		lower_words_into(l, n, dst);
		break;
	case B_MACADDR:
		lower_bytes_into(l, n->list.v[0], dst, 6);
		break;
	case B_KPTR:
	case B_UPTR:
		lower_into(l, n->list.v[0], dst);
		break;
	case B_KSTACK:
	case B_USTACK:
		lower_stack_into(l, n, dst);
		break;
	case B_FULL_PATH:
		lower_full_path_into(l, n, dst);
		break;
	case B_COMM:
	case B_PATH:
	case B_CGROUP_PATH:
	case B_FILE_NUMBER:
		lower_kernel_into(l, n, dst);
		break;
	case B_USYM:
		lower_usym_into(l, dst, lower_scalar(l, n->list.v[0]), ir_const(LB, 0));
		break;
	default:
		lower_error(l, n->span, arena_printf(l->a, "%s()", builtin_info[n->builtin].name));
	}
}

ref lower_call(struct lower *l, struct node *n)
{
	struct span old = l->b.span;
	ref r = NOREF;
	l->b.span = n->span;
	switch (n->builtin) {
	case B_PRINTF: lower_printf(l, n, EV_PRINTF); break;
	case B_ERRORF: lower_printf(l, n, EV_ERRORF); break;
	case B_WARNF: lower_printf(l, n, EV_WARNF); break;
	case B_CAT: lower_printf(l, n, EV_CAT); break;
	case B_SYSTEM: lower_printf(l, n, EV_SYSTEM); break;
	case B_ROW: lower_printf(l, n, EV_ROW); break;
	case B_RANK: lower_rank(l, n); break;
	case B_TOP: lower_top(l, n); break;
	case B_SCREEN: lower_screen(l, n); break;
	case B_PRINT: lower_print(l, n); break;
	case B_CLEAR: lower_map_event(l, n, EV_CLEAR); break;
	case B_ZERO: lower_map_event(l, n, EV_ZERO); break;
	case B_TIME: lower_time(l, n); break;
	case B_JOIN: lower_join(l, n); break;
	case B_EXIT: lower_exit(l, n->span, n->list.n ? lower_scalar(l, n->list.v[0]) : ir_const(LB, 0)); break;
	case B_DELETE: r = lower_map_delete(l, n->list.v[0], NULL); break;
	case B_HAS_PINNED: r = lower_has_pinned(l, n); break;
	case B_HAS_KEY: r = lower_map_has(l, n->list.v[0], NULL); break;
	case B_LEN:
		r = n->list.v[0]->type && (n->list.v[0]->type->kind == T_KSTACK || n->list.v[0]->type->kind == T_USTACK)
			    ? lower_stack_len(l, n->list.v[0]) : lower_map_len(l, n->list.v[0]);
		break;
	case B_STRLEN: r = lower_strlen(l, n); break;
	case B_STRNCMP: r = lower_strncmp(l, n); break;
	case B_BSWAP: r = n->type->size == 1 ? lower_scalar(l, n->list.v[0]) : ir_un(LB, OP_BSWAP, n->type->size, lower_scalar(l, n->list.v[0])); break;
	case B_KSYM:
	case B_KPTR:
	case B_UPTR: r = lower_scalar(l, n->list.v[0]); break;
	case B_STRSTR:
	case B_STRCONTAINS: r = lower_strstr(l, n); break;
	case B_MEMCMP:
	case B_MEMCMP_RECORD: r = lower_memcmp(l, n); break;
	case B_FIND: r = lower_find(l, n); break;
	case B_SIGNAL:
	case B_SIGNAL_THREAD: r = lower_signal_call(l, n); break;
	case B_DEBUGF: lower_debugf(l, n); break;
	case B_SKBOUTPUT: r = lower_packet(l, n); break;
	case B_UNWATCH: lower_unwatch(l, n); break;
	case B_SOCKET_COOKIE:
	case B_OVERRIDE:
	case B_WRITE_USER: r = lower_kernel(l, n); break;
	case B_REG: r = lower_reg(l, n->ival); break;
	case B_UADDR: r = n->is_unsigned ? ir_bin(LB, OP_ADD, lower_func_ip(l), ir_const(LB, n->ival)) : ir_const(LB, n->ival); break;
	default:
		lower_error(l, n->span, arena_printf(l->a, "%s()", builtin_info[n->builtin].name));
	}
	l->b.span = old;
	return r ? r : ir_const(LB, 0);
}
