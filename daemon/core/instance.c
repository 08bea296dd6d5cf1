/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the instance states. */
#include "core/instance.h"

const char *inst_state_name(enum inst_state s)
{
	static const char *const names[INST_COUNT] = {
		[INST_DEAD] = "dead",	      [INST_STARTING] = "starting", [INST_INIT] = "init",
		[INST_SNAPSHOT] = "snapshot", [INST_IDLE] = "idle",	    [INST_BUSY] = "busy",
		[INST_STOPPING] = "stopping",
	};

	return names[s];
}

const char *rt_state_name(enum rt_state s)
{
	static const char *const names[RT_COUNT] = {
		[RT_STARTED] = "Started",
		[RT_INIT_ERROR] = "InitError",
		[RT_RESTORE_READY] = "RestoreReady",
		[RT_RESTORING] = "Restoring",
		[RT_RESTORE_ERROR] = "RuntimeRestoreErrorState",
		[RT_READY] = "Ready",
		[RT_RUNNING] = "Running",
		[RT_RESPONDING] = "InvocationResponse",
		[RT_RESPONDED] = "RuntimeResponseSentState",
	};

	return names[s];
}
