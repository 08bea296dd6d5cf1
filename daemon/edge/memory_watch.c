/* SPDX-License-Identifier: Apache-2.0 */
/* Peak memory of runtimes. */
#include "edge/memory_watch.h"

#include <sys/resource.h>

#include "edge/extension_host.h"
#include "edge/supervisor.h"

static const int64_t long_us = 2 * 1000;
static const int64_t interval_us = 100 * 1000;

void memory_watch_reset(struct host *h)
{
	h->peak_bytes = 0;
	h->measured_us = 0;
	h->peak_outdated = false;
}

void memory_watch_begin(struct host *h)
{
	if (h->measured_us != 0 && !h->peak_outdated) {
		child_forget_peak(&h->child);
		h->peak_outdated = true;
	}
}

void memory_watch_sample(struct host *h, int64_t now_us)
{
	uint64_t rss = 0;
	uint64_t hwm = 0;

	child_memory(&h->child, &rss, &hwm);
	rss += extension_host_memory(h);
	if (h->peak_outdated) {
		h->peak_bytes = 0;
		h->peak_outdated = false;
	}
	if (rss > h->peak_bytes) {
		h->peak_bytes = rss;
	}
	if (hwm > h->peak_bytes) {
		h->peak_bytes = hwm;
	}
	h->measured_us = now_us;
}

void memory_watch_handing(struct host *h)
{
	uint64_t rss;

	/* One that ends at once is not there any more when it is time to measure it. */
	if (h->peak_bytes == 0) {
		child_memory(&h->child, &rss, &h->peak_bytes);
	}
}

void memory_watch_ended(struct host *h, uint64_t peak_bytes)
{
	struct rusage ours;

	if (getrusage(RUSAGE_SELF, &ours) == 0 && peak_bytes > (uint64_t)ours.ru_maxrss * 1024 &&
	    (h->peak_outdated || peak_bytes > h->peak_bytes)) {
		h->peak_bytes = peak_bytes;
	}
	h->peak_outdated = false;
}

uint64_t memory_watch_finish(struct host *h, int64_t duration_us, int64_t now_us)
{
	if (duration_us >= long_us || now_us - h->measured_us >= interval_us) {
		memory_watch_sample(h, now_us);
	}
	return h->peak_bytes;
}
