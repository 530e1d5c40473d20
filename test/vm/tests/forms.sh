#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Specifications of the multi-tools on functions of the kernel: each is loaded and attached (--dry-run). Says how many were, and which not.
fine=0
form() {
	if out=$("$SONDE" --dry-run "$@" 2>&1 </dev/null) && [ -z "$out" ]; then
		fine=$((fine + 1))
	else
		printf '%s\n' "not: $*" "$out"
	fi
}
form trace -f temp -UK 'do_sys_openat2 "%s", arg2@user'
form trace 'do_nanosleep(struct hrtimer_sleeper *t) "task: %llx", t->task'
form trace -K -A -M 1000 'clockevents_program_event "%d", arg2'
form trace 'filemap_fault(struct vm_fault *vmf) "%llx", vmf->vma->vm_file->f_inode->i_mapping->a_ops'
form trace 'tcp_sendmsg(struct sock *sk, struct msghdr *m, size_t n) (sk->sk_dport == 13568 && sk->sk_family == AF_INET) "%d", n'
form trace 'update_curr(struct cfs_rq *cfs_rq) "%llu", cfs_rq->curr->vruntime'
form trace 'vfs_read "%s %d", file->f_path.dentry->d_name.name, count'
form trace 'r::vfs_read ((int)retval < 0) "%d", (int)retval'
form trace 'vfs_read ((long)arg3 > 4096 && $uid == 0 && $pid != $tgid && $cpu == 0 && $task->fs->users > 1)'
form trace 'vfs_read+0x0 "%llx %llx", ctx->di, ctx->dx'
form trace 'vfs_write(struct file *f, const char __user *buf, size_t n) (n == 5 && buf[0] == 65 || STRCMP("ab", buf)) "%s", buf'
form trace 'vfs_read (((struct file *)arg1)->f_inode->i_ino > 3) "%lu %K", ((struct file *)arg1)->f_inode->i_ino, ((struct file *)arg1)->f_op'
form trace '__x64_sys_nanosleep' 'r::__x64_sys_clone "%d", retval'
form argdist -C 'r::vfs_read():u32:$PID:$latency > 100000'
form argdist -C 'r::vfs_open(struct path *path):char*:$entry(path)->dentry->d_name.name:(int)$retval == 0'
form argdist -H 'r::vfs_read(struct file *f, char *b, size_t n):u64:$latency/$entry(n):$entry(n) > 0'
form argdist -C 'p::tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size):u32,u16:sk->sk_daddr,ntohs(sk->sk_dport)'
form argdist -C 'p::vfs_write(struct file *f):int:f->f_flags & O_CREAT ? 1 : 2' -H 'p::vfs_write(struct file *f, char *b, size_t n):size_t:n'
form funccount 'vfs_*'
form funccount -r 'tcp_(sendmsg|recvmsg)$'
form funclatency -uF 'vfs_r*'
form funclatency -l 3 vfs_read
form funcslower -a 3 -u 1 -U -K vfs_read vfs_write
form funcslower -f -m 10 vfs_read
form funcinterval vfs_read
form stackcount -P -d submit_bio
form stackcount -Ksv 'tcp_send*'
echo "$fine forms"
