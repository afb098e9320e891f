/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on lists that are not about a buffer: reputation of addresses, hashes of files.
 * Runs in the workers.
 */
#include "dataplane/app/file.h"
#include "dataplane/detect/match.h"
#include "rules/lists/geoip.h"

static bool address_fits(const struct match_context *c, const struct match_iprep *m, const struct addr *a)
{
	int score = reputation_of(c->s->program->set->reputation, m->category, a, c->p->ip_version);

	if (m->mode != IPREP_SCORE)
		return (score >= 0) == (m->mode == IPREP_ISSET);
	return score >= 0 && number_test_holds(&m->test, (uint64_t)score);
}

bool match_iprep(const struct match_context *c, const struct match *m)
{
	const struct match_iprep *t = &m->u.iprep;

	if (!c->p->ip_version || !c->s->program->set->reputation)
		return false;
	switch ((enum iprep_side)t->side) {
	case IPREP_SRC:
		return address_fits(c, t, &c->p->src);
	case IPREP_DST:
		return address_fits(c, t, &c->p->dst);
	case IPREP_BOTH:
		return address_fits(c, t, &c->p->src) && address_fits(c, t, &c->p->dst);
	default:
		return address_fits(c, t, &c->p->src) || address_fits(c, t, &c->p->dst);
	}
}

static bool country_fits(const struct match_context *c, const struct match_geoip *m, const struct addr *a)
{
	char country[2];

	if (!geoip_country(c->s->program->set->geoip, a, c->p->ip_version, country))
		return false;
	for (unsigned i = 0; i < m->count; i++)
		if (memcmp(m->countries[i], country, 2) == 0)
			return !m->negated;
	return m->negated;
}

bool match_geoip(const struct match_context *c, const struct match *m)
{
	const struct match_geoip *t = &m->u.geoip;

	if (!c->p->ip_version || !c->s->program->set->geoip)
		return false;
	switch ((enum iprep_side)t->side) {
	case IPREP_SRC:
		return country_fits(c, t, &c->p->src);
	case IPREP_DST:
		return country_fits(c, t, &c->p->dst);
	case IPREP_BOTH:
		return country_fits(c, t, &c->p->src) && country_fits(c, t, &c->p->dst);
	default:
		return country_fits(c, t, &c->p->src) || country_fits(c, t, &c->p->dst);
	}
}

/* The hash of a file is known when the file has ended. */
static bool hash_fits(const struct file *f, const struct match_dataset *m, unsigned want, const uint8_t *hash,
		      uint32_t len)
{
	if ((f->flags & FILE_HIDDEN) || f->state == FILE_OPEN || !(f->has_hash & want))
		return false;
	return (list_find(m->list, hash, len) != NULL) == (m->command == DATASET_ISSET);
}

bool match_filemd5(const struct match_context *c, const struct match *m)
{
	for (const struct file *f = match_files(c); f; f = f->next)
		if (hash_fits(f, &m->u.dataset, FILE_WANT_MD5, f->md5, sizeof(f->md5)))
			return true;
	return false;
}

bool match_filesha1(const struct match_context *c, const struct match *m)
{
	for (const struct file *f = match_files(c); f; f = f->next)
		if (hash_fits(f, &m->u.dataset, FILE_WANT_SHA1, f->sha1, sizeof(f->sha1)))
			return true;
	return false;
}

bool match_filesha256(const struct match_context *c, const struct match *m)
{
	for (const struct file *f = match_files(c); f; f = f->next)
		if (hash_fits(f, &m->u.dataset, FILE_WANT_SHA256, f->sha256, sizeof(f->sha256)))
			return true;
	return false;
}
