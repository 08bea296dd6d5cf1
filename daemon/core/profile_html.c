/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as a page: tables and drawings, without a script and without anything from elsewhere. */
#include <stdio.h>

#include "base/attr.h"
#include "base/buf.h"
#include "core/profile.h"

/* Of the drawings, in their own units. */
#define WIDTH 900.0
#define HEIGHT 260.0
#define LEFT 70.0
#define RIGHT 10.0
#define TOP 10.0
#define BOTTOM 30.0
#define PLOT_WIDTH (WIDTH - LEFT - RIGHT)
#define PLOT_HEIGHT (HEIGHT - TOP - BOTTOM)
#define PAGE_BINS 48

static const char style[] = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
			    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}svg{width:100%;height:auto}"
			    "table{border-collapse:collapse}th,td{padding:.15em 1em .15em 0;text-align:left}"
			    "td.n{text-align:right;font-variant-numeric:tabular-nums}"
			    ".bar{fill:#4477aa}.span{fill:#4477aa;opacity:.35}.mean{fill:none;stroke:#225588;"
			    "stroke-width:1.5}.bad{fill:#cc3311}.axis{stroke:#888}text{font-size:12px;fill:#444}"
			    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}text{fill:#bbb}"
			    ".mean{stroke:#99ccff}}";

static void escape(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		default:
			buf_putc(out, *text);
		}
	}
}

static void text_row(struct buf *out, const char *name, const char *value)
{
	if (value == NULL) {
		return;
	}
	buf_printf(out, "<tr><th>%s</th><td>", name);
	escape(out, value);
	buf_puts(out, "</td></tr>\n");
}

static void count_row(struct buf *out, const char *name, uint64_t count)
{
	buf_printf(out, "<tr><th>%s</th><td class=n>%llu</td></tr>\n", name, (unsigned long long)count);
}

static void about(struct buf *out, const struct profile_about *a)
{
	buf_puts(out, "<table>\n");
	text_row(out, "Function", a->function);
	text_row(out, "Command", a->command);
	text_row(out, "Events", a->source);
	text_row(out, "Made", a->stamp);
	count_row(out, "At once", a->concurrency);
	buf_puts(out, "</table>\n");
}

static void figures_row(struct buf *out, const char *name, struct stats *s, double unit)
{
	if (s->count == 0) {
		return;
	}
	buf_printf(
		out,
		"<tr><th>%s</th><td class=n>%llu</td><td class=n>%.3f</td><td class=n>%.3f</td><td class=n>%.3f</td>"
		"<td class=n>%.3f</td><td class=n>%.3f</td><td class=n>%.3f</td><td class=n>%.3f</td></tr>\n",
		name, (unsigned long long)s->count, (double)s->min / unit, (double)stats_median(s) / unit,
		(double)stats_permille(s, 900) / unit, (double)stats_permille(s, 990) / unit, (double)s->max / unit,
		s->mean / unit, stats_deviation(s) / unit);
}

static void figures(struct buf *out, struct profile *p, int64_t elapsed_us)
{
	buf_puts(out, "<h2>Figures</h2>\n<table>\n");
	count_row(out, "Events", p->runs);
	count_row(out, "Errors", p->failed - p->timed_out);
	count_row(out, "Timeouts", p->timed_out);
	count_row(out, "Lines that are no events", p->bad_lines);
	count_row(out, "Cold starts", p->cold_starts);
	count_row(out, "Billed ms, in steps of 1 ms", p->billed_ms);
	buf_printf(out, "<tr><th>Seconds in all</th><td class=n>%.3f</td></tr>\n</table>\n",
		   (double)elapsed_us / 1e6);
	buf_puts(out, "<table>\n<tr><th></th><th>Samples</th><th>Min</th><th>Median</th><th>p90</th><th>p99</th>"
		      "<th>Max</th><th>Mean</th><th>Std. dev.</th></tr>\n");
	figures_row(out, "Clock time, ms", &p->clock, 1000);
	figures_row(out, "Cold start, ms", &p->init, 1000);
	figures_row(out, "Peak memory, MiB", &p->memory, 1024 * 1024);
	buf_puts(out, "</table>\n");
	if (p->clock.count > STATS_EXACT) {
		buf_printf(out, "<p>More than %d samples: median and percentiles to within 0.8 %%.</p>\n",
			   STATS_EXACT);
	}
}

static void begin_drawing(struct buf *out, const char *title)
{
	buf_printf(out,
		   "<h2>%s</h2>\n<svg viewBox=\"0 0 %.0f %.0f\" role=img aria-label=\"%s\">\n"
		   "<line class=axis x1=%.0f y1=%.0f x2=%.0f y2=%.0f /><line class=axis x1=%.0f y1=%.0f x2=%.0f "
		   "y2=%.0f />\n",
		   title, WIDTH, HEIGHT, title, LEFT, TOP, LEFT, TOP + PLOT_HEIGHT, LEFT, TOP + PLOT_HEIGHT,
		   WIDTH - RIGHT, TOP + PLOT_HEIGHT);
}

static void label(struct buf *out, double x, double y, const char *anchor, const char *text)
{
	buf_printf(out, "<text x=%.1f y=%.1f text-anchor=%s>%s</text>\n", x, y, anchor, text);
}

static void label_number(struct buf *out, double x, double y, const char *anchor, double number, const char *unit)
{
	char text[64];

	snprintf(text, sizeof(text), number < 10 ? "%.3f%s" : "%.1f%s", number, unit);
	label(out, x, y, anchor, text);
}

static void draw_histogram(struct buf *out, struct profile *p)
{
	struct stats_histogram h;
	double step;

	stats_histogram(&p->clock, PAGE_BINS, &h);
	if (h.count == 0) {
		return;
	}
	step = PLOT_WIDTH / h.count;
	begin_drawing(out, "How often which clock time");
	for (unsigned i = 0; i < h.count; i++) {
		double height = PLOT_HEIGHT * (double)h.bins[i] / (double)h.highest;
		bool rest = h.open && i + 1 == h.count;

		buf_printf(out,
			   "<rect class=bar x=%.1f y=%.1f width=%.1f height=%.1f><title>%s%.3f ms: "
			   "%llu</title></rect>\n",
			   LEFT + i * step, TOP + PLOT_HEIGHT - height, step > 2 ? step - 1 : step, height,
			   rest ? "from " : "", (double)(h.from + (int64_t)i * h.width) / 1000,
			   (unsigned long long)h.bins[i]);
	}
	label_number(out, LEFT, HEIGHT - 8, "start", (double)h.from / 1000, " ms");
	label_number(out, WIDTH - RIGHT, HEIGHT - 8, "end",
		     (double)(h.from + (int64_t)(h.open ? h.count - 1 : h.count) * h.width) / 1000,
		     h.open ? " ms and more in the last" : " ms");
	label_number(out, LEFT - 6, TOP + 12, "end", (double)h.highest, "");
	buf_puts(out, "</svg>\n");
}

struct scale {
	double x;
	double y;
};

static double at_y(const struct scale *s, double value)
{
	return TOP + PLOT_HEIGHT - value * s->y;
}

/* The span of each step, the course of the means, a mark where something failed. */
static void draw_steps(struct buf *out, const struct profile_course *c, const struct scale *s)
{
	for (unsigned i = 0; i < c->count; i++) {
		const struct profile_step *step = &c->steps[i];
		double high = at_y(s, (double)step->max);
		double low = at_y(s, (double)step->min);

		buf_printf(out, "<rect class=span x=%.2f y=%.1f width=%.2f height=%.1f />\n", LEFT + i * s->x, high,
			   s->x, low - high > 1.5 ? low - high : 1.5);
		if (step->failed > 0) {
			buf_printf(
				out,
				"<rect class=bad x=%.2f y=%.1f width=%.2f height=5><title>%u failed</title></rect>\n",
				LEFT + i * s->x, TOP + PLOT_HEIGHT - 5, s->x > 2 ? s->x : 2, step->failed);
		}
	}
	buf_puts(out, "<polyline class=mean points=\"");
	for (unsigned i = 0; i < c->count; i++) {
		const struct profile_step *step = &c->steps[i];

		buf_printf(out, "%.2f,%.1f ", LEFT + (i + 0.5) * s->x, at_y(s, step->sum / (double)step->runs));
	}
	buf_puts(out, "\"/>\n");
}

static void draw_course(struct buf *out, const struct profile_course *c, const char *title, double unit,
			const char *unit_name)
{
	struct scale s = { 0, 0 };
	int64_t max = 1;
	uint64_t runs = 0;
	char text[64];

	if (c->count == 0) {
		return;
	}
	for (unsigned i = 0; i < c->count; i++) {
		max = c->steps[i].max > max ? c->steps[i].max : max;
		runs += c->steps[i].runs;
	}
	s.x = PLOT_WIDTH / c->count;
	s.y = PLOT_HEIGHT / (double)max;
	begin_drawing(out, title);
	draw_steps(out, c, &s);
	label(out, LEFT, HEIGHT - 8, "start", "1");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)runs);
	label(out, WIDTH - RIGHT, HEIGHT - 8, "end", text);
	label_number(out, LEFT - 6, TOP + 12, "end", (double)max / unit, unit_name);
	label(out, LEFT - 6, TOP + PLOT_HEIGHT, "end", "0");
	buf_puts(out, "</svg>\n");
}

void profile_print_html(struct buf *out, struct profile *p, const struct profile_about *a)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Profile of ");
	escape(out, a->function);
	buf_printf(out, "</title>\n<style>%s</style>\n<h1>Profile of ", style);
	escape(out, a->function);
	buf_puts(out, "</h1>\n");
	about(out, a);
	figures(out, p, a->elapsed_us);
	draw_histogram(out, p);
	draw_course(out, &p->clock_course, "Clock time over the stream", 1000, " ms");
	draw_course(out, &p->memory_course, "Peak memory over the stream", 1024 * 1024, " MiB");
	buf_puts(out, "<p>Light: from the least to the most; line: mean; red: events that failed.</p>\n</html>\n");
}
