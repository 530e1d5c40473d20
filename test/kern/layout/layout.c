/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled together with the fixture's own text, and with no other header: it brings its own size_t. */
#include "fixture.h"
#include "layout.h"

#define F(s, f) { #s, #f, __builtin_offsetof(struct s, f), sizeof(((struct s *)0)->f) }
#define WHOLE(s) { #s, "", 0, sizeof(struct s) }
const struct layout layouts[] = {
	WHOLE(task_struct), F(task_struct, __state), F(task_struct, stack), F(task_struct, se), F(task_struct, mm),
	F(task_struct, exit_signal), F(task_struct, atomic_flags), F(task_struct, pid), F(task_struct, tgid),
	F(task_struct, real_parent), F(task_struct, group_leader), F(task_struct, start_time), F(task_struct, cred),
	F(task_struct, comm), F(task_struct, signal), F(task_struct, union_lo), F(task_struct, union_hi), F(task_struct, union_all),
	F(task_struct, rcu), F(task_struct, stats), F(task_struct, matrix), F(task_struct, hook), F(task_struct, kind),
	WHOLE(sock_common), F(sock_common, skc_daddr), F(sock_common, skc_rcv_saddr), F(sock_common, skc_hash),
	F(sock_common, skc_dport), F(sock_common, skc_num), F(sock_common, skc_family), F(sock_common, skc_state),
	F(sock_common, skc_bound_dev_if), F(sock_common, skc_v6_daddr), F(sock_common, skc_v6_rcv_saddr), F(sock_common, skc_cookie),
	WHOLE(sock), F(sock, sk_sndbuf), F(sock, sk_protocol), F(sock, sk_err), WHOLE(dentry), F(dentry, d_name), F(dentry, d_iname),
	F(dentry, d_lru), F(dentry, d_u), WHOLE(qstr), F(qstr, hash), F(qstr, len), F(qstr, name), WHOLE(file), F(file, f_path),
	F(file, f_pos), WHOLE(super_block), F(super_block, s_blocksize_bits), F(super_block, s_blocksize), F(super_block, s_id),
	WHOLE(inode), F(inode, i_opflags), F(inode, i_uid), F(inode, i_rdev), WHOLE(mm_struct), F(mm_struct, map_count),
	F(mm_struct, exe_file), WHOLE(uts_namespace), F(uts_namespace, ns), WHOLE(sockaddr), F(sockaddr, sa_data), WHOLE(in6_addr),
	WHOLE(pid), F(pid, numbers), WHOLE(request), F(request, __sector), F(request, start_time_ns), WHOLE(gendisk),
	WHOLE(pt_regs), F(pt_regs, ip), WHOLE(files_struct), F(files_struct, fd_array),
};
const unsigned n_layouts = sizeof(layouts) / sizeof(*layouts);

#define SET(s, f) static void set_##s##_##f(void *p) { ((struct s *)p)->f = -1; }
SET(task_struct, sched_reset_on_fork)
SET(task_struct, in_execve)
SET(task_struct, in_iowait)
SET(task_struct, jobctl_kind)
SET(task_struct, parity)
SET(task_struct, parity_rest)
SET(sock_common, skc_reuse)
SET(sock_common, skc_reuseport)
SET(sock_common, skc_net_refcnt)
#define B(s, f) { #s, #f, sizeof(struct s), set_##s##_##f }
const struct layout_bits layout_bits[] = {
	B(task_struct, sched_reset_on_fork), B(task_struct, in_execve), B(task_struct, in_iowait), B(task_struct, jobctl_kind),
	B(task_struct, parity), B(task_struct, parity_rest), B(sock_common, skc_reuse), B(sock_common, skc_reuseport),
	B(sock_common, skc_net_refcnt),
};
const unsigned n_layout_bits = sizeof(layout_bits) / sizeof(*layout_bits);
