/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's figures in the Prometheus text exposition format, version 0.0.4. */
#ifndef EDGE_METRICS_H
#define EDGE_METRICS_H

struct buf;
struct dispatch;

void metrics_render(const struct dispatch *d, struct buf *out);

#endif
