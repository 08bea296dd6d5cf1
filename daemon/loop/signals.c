/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd on the loop. */
#include "loop/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"

struct signals {
	struct loop *loop;
	struct loop_fd source;
	int fd;
	signals_fn fn;
	void *ctx;
};

static void handled_set(sigset_t *set)
{
	static const int handled[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };

	sigemptyset(set);
	for (size_t i = 0; i < countof(handled); i++) {
		sigaddset(set, handled[i]);
	}
}

void signals_block(void)
{
	struct sigaction hup;
	sigset_t set;

	handled_set(&set);
	/* Under nohup a hang-up stays ignored; a blocked signal would be fetched all the same. */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler == SIG_IGN) {
		sigdelset(&set, SIGHUP);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A write past RLIMIT_FSIZE fails like one to a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	/* An ignored SIGCHLD, inherited, would have the kernel reap our children before we can. */
	signal(SIGCHLD, SIG_DFL);
}

static void on_readable(void *ctx, uint32_t events)
{
	struct signals *s = ctx;
	struct signalfd_siginfo info[8];
	ssize_t n = read(s->fd, info, sizeof(info));

	(void)events;
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(info[0]); i++) {
		s->fn(s->ctx, (int)info[i].ssi_signo);
	}
}

struct signals *signals_new(struct loop *loop, signals_fn fn, void *ctx)
{
	struct signals *s = xcalloc(1, sizeof(*s));
	sigset_t set;
	int r;

	s->loop = loop;
	s->fn = fn;
	s->ctx = ctx;
	loop_fd_init(&s->source, on_readable, s);
	handled_set(&set);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r = s->fd < 0 ? -errno : loop_fd_add(loop, &s->source, s->fd, EPOLLIN);
	if (r != 0) {
		signals_free(s);
		errno = -r;
		return NULL;
	}
	return s;
}

void signals_free(struct signals *s)
{
	if (s == NULL) {
		return;
	}
	loop_fd_del(s->loop, &s->source);
	if (s->fd >= 0) {
		close(s->fd);
	}
	free(s);
}

static void end_at_once(int signo)
{
	(void)signo;
	_exit(1);
}

void signals_end_at_once(void)
{
	static const int ending[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	const struct sigaction act = { .sa_handler = end_at_once };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < countof(ending); i++) {
		/* Under nohup a hang-up stays ignored. */
		if (sigaction(ending[i], NULL, &old) == 0 && (ending[i] != SIGHUP || old.sa_handler != SIG_IGN)) {
			sigaction(ending[i], &act, NULL);
			sigaddset(&set, ending[i]);
		}
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
