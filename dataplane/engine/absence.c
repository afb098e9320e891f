/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/absence.h"

#include <signal.h>

#include "dataplane/engine/emit.h"

void absence_stalled(struct worker *w, uint64_t ms, uint64_t passed, uint64_t stalls)
{
	struct recorder *r = emit_bare(w, RECORD_uninspected);

	rec_open(r, F_uninspected_uninspected);
	rec_text(r, F_uninspected_state, "stalled");
	rec_uint(r, F_uninspected_worker, w->id);
	rec_uint(r, F_uninspected_ms, ms);
	if (passed)
		rec_uint(r, F_uninspected_passed, passed);
	rec_uint(r, F_uninspected_stalls, stalls);
	rec_close(r);
	emit_end(w);
}

static const char *cause_of(const struct boot *b)
{
	if (b->dataplane_hung >= 0)
		return "hung";
	switch (b->dataplane_signal) {
	case 0:
		return "ended";
	case SIGSEGV:
	case SIGBUS:
	case SIGABRT:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
	case SIGSYS:
		return "crashed";
	default:
		return "killed";
	}
}

void absence_restarted(struct worker *w, const struct boot *b, uint64_t monotonic_ns)
{
	struct recorder *r = emit_bare(w, RECORD_uninspected);
	uint64_t ended_ns = b->dataplane_ended_ns;

	rec_open(r, F_uninspected_uninspected);
	rec_text(r, F_uninspected_state, "restarted");
	rec_text(r, F_uninspected_cause, cause_of(b));
	if (b->dataplane_signal)
		rec_uint(r, F_uninspected_signal, (uint64_t)b->dataplane_signal);
	if (b->dataplane_hung >= 0)
		rec_uint(r, F_uninspected_worker, (uint64_t)b->dataplane_hung);
	if (ended_ns && monotonic_ns > ended_ns)
		rec_uint(r, F_uninspected_ms, (monotonic_ns - ended_ns) / 1000000u);
	rec_uint(r, F_uninspected_starts, b->dataplane_starts);
	rec_close(r);
	emit_end(w);
}
