/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts of environment_test.c: orders of events in an environment, and what has to come of them. */
#ifndef ENVIRONMENT_SCRIPTS_H
#define ENVIRONMENT_SCRIPTS_H

#include <stddef.h>

enum { FREEZE = 1, OBSERVE = 2, READY_500 = 4, READY_0 = 8, SNAP = 16, AHEAD = 32 };

struct script {
	const char *title;
	const char *files;
	unsigned options;
	const char *steps;
	const char *expected;
	const char *body;
};

/* An environment with A and B, external; ready for its first event. */
#define UP_A "sa RAis pA n "
#define UP_AB "sa RAis RBi pA pB n "

static const struct script scripts[] = {
	{ "no extension: nothing waits", "", 0, "sa n r n sb r",
	  "start rt<a a=success report:0 rt<b b=success report:0", NULL },
	{ "the runtime starts after the last external extension has registered", "AB", 0, "sa RAis | RBi n pA pB",
	  "start rt<a A<a B<a", NULL },
	{ "init is over when everybody has asked for an event", "A", 0, "sa RAis pA | n", "rt<a A<a", NULL },
	{ "an extension without events takes part in init only", "A", 0, "sa RA n | pA r n sb",
	  "rt<a a=success report:0 rt<b", NULL },
	{ "the answer does not wait for extensions, the next event does", "A", 0, UP_A "| t10 r t5 n sb t20 pA",
	  "a=success report:35 rt<b A<b", NULL },
	{ "the extension is done before the runtime", "A", 0, UP_A "| t10 pA r sb t5 n",
	  "a=success report:15 rt<b A<b", NULL },
	{ "all of several extensions", "AB", 0, UP_AB "| r n sb pA pB", "a=success report:0 rt<b A<b B<b", NULL },
	{ "only those that take INVOKE", "AB", 0, "sa RAs RBi pA pB n | r n sb pB", "a=success report:0 rt<b B<b",
	  NULL },
	{ "an extension on a dead connection gets its event by the next", "A", 0, "sa RAi dA n | pA r n sb pA",
	  "A<a a=success report:0 rt<b A<b", NULL },
	{ "a runtime that hung up is waited for", "A", 0, UP_A "| r n sb g pA n", "a=success report:0 rt<b A<b",
	  NULL },
	{ "late extension: the environment is reset at the deadline", "A", 0, UP_A "| r n t3000 x pA XA sb",
	  "a=success report:3000 stop:timeout/600 A<timeout/2000 launchA", NULL },
	{ "a readiness timeout lets the environment go on", "A", READY_500, UP_A "| r n sb t400 t100 pA",
	  "a=success report:500 rt<b A<b", NULL },
	{ "no readiness timeout at all", "A", READY_0, UP_A "| r n sb", "a=success report:0 rt<b", NULL },
	{ "a readiness timeout needs the runtime all the same", "A", READY_500, UP_A "| r sb t600 n",
	  "a=success report:600 rt<b", NULL },
	/* registration */
	{ "internal extension", "", 0, "sa | RIi n pI", "rt<a I<a", NULL },
	{ "internal extensions get no SHUTDOWN", "", 0, "sa | RIs", "noshutdown", NULL },
	{ "registration closes at the first /next", "", 0, "sa n | RIi", "closed", NULL },
	{ "a name is taken", "", 0, "sa | RIi RIi", "taken", NULL },
	{ "before anything was started", "", 0, "RIi", "closed", NULL },
	{ "ten at most", "", 0, "sa | RA RB RC RD RE RF RG RH RI RJ RK", "toomany", NULL },
	{ "more than ten files", "ABCDEFGHIJK", 0, "sa",
	  "launchA launchB launchC launchD launchE launchF launchG launchH launchI launchJ killA killB killC killD "
	  "killE killF "
	  "killG killH killI killJ report:0 a=init_error",
	  "Extension.LaunchError" },
	/* failures */
	{ "never registers", "A", 0, "sa t10000", "launchA killA report:0 a=timeout",
	  "Task timed out after 10.00 seconds: extension A did not register" },
	{ "never asks for an event", "A", 0, "sa RAi n | t10000", "stop:timeout/600 report:0 a=timeout",
	  "Task timed out after 10.00 seconds: extension A did not ask for its first event" },
	{ "launch fails", "AB", 0, "L sa", "launchA killA report:0 a=init_error", "Extension.LaunchError" },
	{ "the runtime cannot be started", "A", 0, "S sa RAs pA | XA", "", "Runtime.InvalidEntrypoint" },
	{ "init/error", "A", 0, "sa RAs | EA XA", "stop:failure/600 report:0 a=init_error", NULL },
	{ "crash before registration", "A", 0, "sa | CA", "report:0 a=init_error", "\"Extension.Crash\"" },
	{ "crash while the runtime starts", "A", 0, "sa RAi | CA x", "stop:failure/500 report:0 a=init_error",
	  "Error: exit status 3" },
	{ "crash during an event", "A", 0, UP_A "| CA sb x", "stop:failure/500 a=exit report:0 launchA",
	  "\"Extension.Crash\"" },
	{ "crash while idle", "A", 0, UP_A "r n pA | CA x sb", "stop:failure/500 launchA", NULL },
	{ "exit/error during an event", "A", 0, UP_A "| QA x XA", "stop:failure/600 a=exit report:0",
	  "\"Extension.ExitError\"" },
	{ "exit/error twice", "A", 0, UP_A "| QA QA", "stop:failure/600 a=exit report:0", NULL },
	{ "event/next after an error", "A", 0, UP_A "QA | pA", "badstate", NULL },
	{ "init/error when ready", "A", 0, UP_A "r n pA | EA", "badstate", NULL },
	{ "the runtime exits: the extension is told", "A", 0, UP_A "| pA x XA", "a=exit report:0 A<failure/2000",
	  NULL },
	{ "the runtime exits in init", "A", 0, "sa RAs pA | x XA", "A<failure/2000 report:0 a=init_error", NULL },
	{ "timeout: the runtime is killed first, then the extension is told", "A", 0, UP_A "| t3000 pA t10 x t100 XA",
	  "stop:timeout/600 a=timeout report:3000 A<timeout/1990", NULL },
	/* shutdown */
	{ "spindown", "A", 0, UP_A "r n pA | D x t5 XA", "stop:shutdown/600 A<spindown/2000 drained", NULL },
	{ "an extension that ignores SHUTDOWN is killed at the deadline", "A", 0,
	  UP_A "r n pA | D t300 x t1699 t1 XA", "stop:shutdown/600 A<spindown/1700 killA drained", NULL },
	{ "one that does not take SHUTDOWN is killed with the runtime", "AB", 0, UP_AB "r n pA pB | D x XB XA",
	  "stop:shutdown/600 A<spindown/2000 killB drained", NULL },
	{ "SHUTDOWN waits for an extension that is at work", "A", 0, UP_A "| x t100 pA XA",
	  "a=exit report:0 A<failure/1900", NULL },
	{ "drain waits for extensions at work", "A", 0, UP_A "| r D n pA x XA",
	  "a=success report:0 stop:shutdown/600 A<spindown/2000 drained", NULL },
	{ "drain waits for them for 2 s", "A", 0, UP_A "| r D n t1999 t1 x XA",
	  "a=success report:2000 stop:shutdown/600 drained", NULL },
	{ "drain before registration", "A", 0, "sa | D XA", "a=shutdown killA drained", NULL },
	{ "internal only", "", 0, "sa RIi pI n r n pI | D x", "stop:shutdown/500 drained", NULL },
	/* freeze */
	{ "frozen when idle, thawed before the next event", "A", FREEZE, UP_A "| r n pA sb r n pA",
	  "a=success report:0 freeze thaw rt<b A<b b=success report:0 freeze", NULL },
	{ "not frozen when work waits", "", FREEZE, "sa n | sb r n", "a=success report:0 rt<b", NULL },
	{ "thawed for the end", "A", FREEZE, UP_A "r n pA | D x XA", "thaw stop:shutdown/600 A<spindown/2000 drained",
	  NULL },
	{ "a frozen runtime is killed by somebody", "A", FREEZE, UP_A "r n pA | x XA", "thaw A<failure/2000", NULL },
	/* the control surface */
	{ "ended: spindown", "A", 0, UP_A "r n pA | !s x XA sb", "stop:shutdown/600 A<spindown/2000 launchA", NULL },
	{ "ended: timeout", "A", 0, UP_A "r n pA | !t x XA", "stop:timeout/600 A<timeout/2000", NULL },
	{ "ended: failure", "A", 0, UP_A "r n pA | !f x XA", "stop:failure/600 A<failure/2000", NULL },
	{ "not ended while it works", "A", 0, UP_A "| !s !t !f r", "refused refused refused a=success", NULL },
	{ "nothing of it before it lives", "", 0, "!s !T !R !+ !-", "refused refused refused refused refused", NULL },
	{ "nothing of it when it ends", "", 0, "sa n r n | !s !s !T !R !+",
	  "stop:shutdown/500 refused refused refused refused", NULL },
	{ "the time of an event is up", "A", 0, UP_A "| t100 !T pA x XA",
	  "stop:timeout/600 a=timeout report:100 A<timeout/2000", "Task timed out after 3.00 seconds" },
	{ "the time of an init is up", "A", 0, "sa RAi | t5 !T x XA", "stop:timeout/600 report:0 a=timeout killA",
	  NULL },
	{ "no time is up when idle", "", 0, "sa n r n | !T", "refused", NULL },
	{ "a reset in an event", "A", 0, UP_A "| !R pA x XA sb",
	  "stop:failure/600 a=exit report:0 A<failure/2000 launchA", "Sandbox.Failure" },
	{ "a reset when idle", "", 0, "sa n r n | !R x sb n", "stop:failure/500 start rt<b", NULL },
	{ "frozen by hand, thawed by work", "A", 0, UP_A "r n pA | !+ !+ sb", "freeze thaw rt<b A<b", NULL },
	{ "frozen and thawed by hand", "", 0, "sa n r n | !+ !- !- sb", "freeze thaw rt<b", NULL },
	{ "thawed for an end by hand", "", 0, "sa n r n | !+ !s", "freeze thaw stop:shutdown/500", NULL },
	{ "not frozen while it works", "", 0, "sa n | !+", "refused", NULL },
	{ "a snapshot frozen by hand", "", SNAP, "P z | !+ sa", "freeze thaw rt<restore", NULL },
	/* SnapStart */
	{ "restored for work that waits", "", SNAP, "sa | z t5 n r", "rt<restore rt<a a=success report:0", NULL },
	{ "restored by order", "", SNAP, "P z | O n sa", "rt<restore restored1 rt<a", NULL },
	{ "the snapshot waits for the extensions", "A", SNAP, "sa RAi z | pA n", "rt<restore rt<a A<a", NULL },
	{ "next without a restore is refused", "", SNAP, "P z | n", "403", NULL },
	{ "restore/next when ready is refused", "", SNAP, "sa n | z", "403", NULL },
	{ "a runtime that hung up asks again", "", SNAP, "P z g | sa z n", "rt<restore rt<a", NULL },
	{ "restore/error", "", SNAP, "sa z | Z x sb", "stop:initerror/500 report:0 a=init_error start", "hook" },
	{ "restore/error without a restore", "", SNAP, "sa | Z", "403", NULL },
	{ "hooks that do not end", "", SNAP, "sa z | t9999 t1", "stop:timeout/500 report:0 a=timeout",
	  "Runtime.RestoreHookUserTimeout" },
	{ "exit while restoring", "", SNAP, "sa z | x", "report:0 a=init_error start", "Runtime.ExitError" },
	{ "drain of a snapshot", "A", SNAP, "P RAs z pA | D x XA", "stop:shutdown/600 A<spindown/2000 drained",
	  NULL },
	{ "a snapshot is frozen", "", SNAP | FREEZE, "P z | sa", "thaw rt<restore", NULL },
	{ "events of a restore", "", SNAP | OBSERVE, "P t7 z t5 O t3 n sa r n",
	  "~initStart/init start ~initRuntimeDone ~registered ~initReport/success rt<restore ~restoreStart restored1 "
	  "~restoreRuntimeDone ~restoreReport/success rt<a ~start a=success report:0 ~runtimeDone ~report/success",
	  NULL },
	{ "events of a restore that fails", "", SNAP | OBSERVE, "P z O | Z",
	  "~restoreRuntimeDone/error/Runtime.AfterRestoreError ~restoreReport/error/Runtime.AfterRestoreError "
	  "stop:initerror/500",
	  NULL },
	/* what the observer sees */
	{ "events of a life", "A", OBSERVE, UP_A "r t1 n pA D x XA",
	  "~initStart/init launchA start ~initRuntimeDone ~registered ~A=Ready ~initReport/success rt<a "
	  "~start A<a "
	  "a=success ~runtimeDone ~report/success report:1 stop:shutdown/600 ~shutdown A<spindown/2000 ~gone "
	  "drained",
	  NULL },
	{ "events of an error", "", OBSERVE, "sa n | e n",
	  "a=error report:0 ~runtimeDone/error/Function.X "
	  "~report/error/Function.X",
	  NULL },
	{ "events of a timeout", "", OBSERVE, "sa n | t3000 x",
	  "stop:timeout/500 a=timeout report:3000 ~runtimeDone/timeout/Sandbox.Timedout "
	  "~report/timeout/Sandbox.Timedout ~fault "
	  "~gone",
	  NULL },
	{ "events of a failed init, and of the one that makes good for it", "A", OBSERVE, "sa RAi | EA x XA sb RAi",
	  "~initRuntimeDone/error/Extension.InitError ~A=InitError ~initReport/error/Extension.InitError "
	  "stop:failure/600 "
	  "report:0 a=init_error ~shutdown killA ~gone ~initStart/invoke launchA start",
	  NULL },
	{ "an extension that is late makes the report one of a timeout", "A", OBSERVE, UP_A "r n | t3000",
	  "~report/timeout/Sandbox.Timedout report:3000 stop:timeout/600", NULL },
	/* started ahead of work */
	{ "a failed init is tried again without work", "", AHEAD, "P x | x t99 t1 n sa", "start rt<a", NULL },
	{ "with the back-off", "", AHEAD, "P x x t100 x | t199 t1", "start", NULL },
	{ "the start itself fails", "", AHEAD, "S P | t99 t1 t200", "start start", NULL },
	{ "an extension fails", "A", AHEAD, "P RAi | EA x XA", "stop:failure/600 killA launchA", NULL },
	{ "work waits for the same start", "", AHEAD, "P x x | sa t100 n r", "start rt<a a=success report:0", NULL },
	{ "an init that is no invocation's", "", AHEAD | OBSERVE, "P | x",
	  "~initRuntimeDone/error/Runtime.ExitError ~initReport/error/Runtime.ExitError ~gone ~initStart/init start",
	  NULL },
	{ "after a good init nothing is", "", AHEAD, "P n | x t60000", "", NULL },
	{ "nor in a drain", "", AHEAD, "P x x | D t60000", "drained", NULL },
	{ "nor on demand", "", 0, "P | x t60000", "", NULL },
	{ "events of freezing", "", OBSERVE | FREEZE, "sa n r | n sb",
	  "~runtimeDone ~report/success ~frozen freeze thaw ~thawed "
	  "rt<b ~start",
	  NULL },
};

#endif
