/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the shared configuration files. */
#include "core/aws_profile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"

struct entry {
	struct list link;
	char *key;
	struct buf value;
};

struct section {
	struct list link;
	enum aws_file file;
	enum aws_section kind;
	bool ignored; /* of no kind that we know */
	char *title;  /* as written */
	char *name;
	struct list entries; // entry::link
};

struct aws_profiles {
	struct list sections; // section::link
};

/* One file being read. */
struct parser {
	struct aws_profiles *profiles;
	enum aws_file file;
	struct section *section; /* NULL = before the first */
	struct entry *entry;	 /* that a deeper indented line continues; NULL = none */
	size_t indent;		 /* of the line that the entry began with */
	unsigned line;
	struct err *err;
};

struct aws_profiles *aws_profiles_new(void)
{
	struct aws_profiles *p = xcalloc(1, sizeof(*p));

	list_init(&p->sections);
	return p;
}

static void free_entry(struct entry *e)
{
	if (e->value.data != NULL) {
		explicit_bzero(e->value.data, e->value.cap);
	}
	buf_fini(&e->value);
	free(e->key);
	free(e);
}

static void free_section(struct section *s)
{
	struct list *pos, *tmp;

	list_foreach_safe(&s->entries, pos, tmp) {
		free_entry(container_of(pos, struct entry, link));
	}
	free(s->title);
	free(s->name);
	free(s);
}

void aws_profiles_free(struct aws_profiles *p)
{
	struct list *pos, *tmp;

	if (p == NULL) {
		return;
	}
	list_foreach_safe(&p->sections, pos, tmp) {
		free_section(container_of(pos, struct section, link));
	}
	free(p);
}

/* --- words --- */

/* One character of a word, at *at; false: the text ends within a quote. */
static bool split_char(const char **at, char *quote, char **to)
{
	char c = *(*at)++;

	if (*quote == '\0' && (c == '"' || c == '\'')) {
		*quote = c;
		return true;
	}
	if (c == *quote && *quote != '\0') {
		*quote = '\0';
		return true;
	}
	if (c == '\\' && *quote != '\'') {
		/* Within double quotes it protects only itself and the quote. */
		if (**at == '\0') {
			return false;
		}
		if (*quote == '\0' || **at == '"' || **at == '\\') {
			c = *(*at)++;
		}
	}
	*(*to)++ = c;
	return true;
}

char **aws_words_split(const char *line)
{
	char *text = xmalloc(strlen(line) + 1);
	char **words = xcalloc(strlen(line) / 2 + 2, sizeof(*words));
	char *to = text;
	size_t count = 0;
	char quote = '\0';
	bool ok = true;

	while (ok && *(line += strspn(line, " \t\r\n")) != '\0') {
		words[count++] = to;
		while (ok && *line != '\0' && (quote != '\0' || strchr(" \t\r\n", *line) == NULL)) {
			ok = split_char(&line, &quote, &to);
		}
		*to++ = '\0';
	}
	if (!ok || quote != '\0' || count == 0) {
		free(text);
		free(words);
		return NULL;
	}
	return words;
}

/* --- sections --- */

/* [profile NAME], [sso-session NAME], [services NAME], [default]; a credentials file has just [NAME]. */
static void name_section(struct section *s)
{
	static const char *const kinds[] = { "profile", "sso-session", "services" };
	char **words;

	if (s->file == AWS_FILE_CREDENTIALS || strcmp(s->title, "default") == 0) {
		s->kind = AWS_PROFILE;
		s->name = xstrdup(s->title);
		return;
	}
	s->ignored = true;
	words = aws_words_split(s->title);
	if (words == NULL) {
		return;
	}
	for (unsigned i = 0; i < countof(kinds); i++) {
		if (strcmp(words[0], kinds[i]) == 0 && words[1] != NULL && words[2] == NULL) {
			s->kind = (enum aws_section)i;
			s->name = xstrdup(words[1]);
			s->ignored = false;
		}
	}
	free(words[0]);
	free(words);
}

static int begin_section(struct parser *ps, const char *title, size_t len)
{
	struct section *s = xcalloc(1, sizeof(*s));
	struct list *pos;

	list_init(&s->entries);
	s->file = ps->file;
	s->title = xstrndup(title, len);
	name_section(s);
	list_foreach(&ps->profiles->sections, pos) {
		const struct section *other = container_of(pos, struct section, link);

		if (other->file == s->file && strcmp(other->title, s->title) == 0) {
			int r = err_set(ps->err, 2, "line %u: section [%.100s] stands there twice", ps->line,
					s->title);

			free_section(s);
			return r;
		}
	}
	list_push_back(&ps->profiles->sections, &s->link);
	ps->section = s;
	ps->entry = NULL;
	return 0;
}

/* --- lines --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void trim(const char **s, size_t *len)
{
	while (*len > 0 && is_blank(**s)) {
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*s)[*len - 1])) {
		(*len)--;
	}
}

static struct entry *find_entry(const struct section *s, const char *key)
{
	struct list *pos;

	list_foreach(&s->entries, pos) {
		struct entry *e = container_of(pos, struct entry, link);

		if (strcasecmp(e->key, key) == 0) {
			return e;
		}
	}
	return NULL;
}

static int begin_entry(struct parser *ps, const char *line, size_t len)
{
	size_t at = 0;
	const char *key = line;
	const char *value;
	size_t key_len;
	size_t value_len;
	struct entry *e;

	while (at < len && line[at] != '=' && line[at] != ':') {
		at++;
	}
	key_len = at;
	trim(&key, &key_len);
	if (at == len || key_len == 0) {
		return err_set(ps->err, 2, "line %u: expected [SECTION], NAME = VALUE or # COMMENT", ps->line);
	}
	if (ps->section == NULL) {
		return err_set(ps->err, 2, "line %u: expected a [SECTION] before the first NAME = VALUE", ps->line);
	}
	e = xcalloc(1, sizeof(*e));
	e->key = xstrndup(key, key_len);
	if (find_entry(ps->section, e->key) != NULL) {
		int r = err_set(ps->err, 2, "line %u: %.100s stands twice in section [%.100s]", ps->line, e->key,
				ps->section->title);

		free_entry(e);
		return r;
	}
	value = line + at + 1;
	value_len = len - at - 1;
	trim(&value, &value_len);
	buf_append(&e->value, value, value_len);
	list_push_back(&ps->section->entries, &e->link);
	ps->entry = e;
	return 0;
}

static int read_line(struct parser *ps, const char *line, size_t len)
{
	const char *start = line;
	size_t indent;

	trim(&line, &len);
	if (len == 0 || *line == '#' || *line == ';') {
		return 0;
	}
	indent = (size_t)(line - start);
	if (ps->entry != NULL && indent > ps->indent) {
		buf_putc(&ps->entry->value, '\n');
		buf_append(&ps->entry->value, line, len);
		return 0;
	}
	ps->indent = indent;
	if (*line == '[') {
		const char *end = memrchr(line, ']', len);

		if (end == NULL || end == line + 1) {
			return err_set(ps->err, 2, "line %u: expected [SECTION]", ps->line);
		}
		return begin_section(ps, line + 1, (size_t)(end - line - 1));
	}
	return begin_entry(ps, line, len);
}

int aws_profiles_add(struct aws_profiles *p, enum aws_file file, const char *text, size_t len, struct err *err)
{
	struct parser ps = { .profiles = p, .file = file, .err = err };

	if (memchr(text, '\0', len) != NULL) {
		return err_set(err, 2, "a NUL byte; expected text");
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line_len = end != NULL ? (size_t)(end - text) : len;

		ps.line++;
		if (read_line(&ps, text, line_len) != 0) {
			return -1;
		}
		line_len += end != NULL;
		text += line_len;
		len -= line_len;
	}
	return 0;
}

/* --- looking up --- */

/* Of [default] and [profile default] in one config file the second counts, as in the SDKs. */
static const struct section *find_section(const struct aws_profiles *p, enum aws_file file, enum aws_section kind,
					  const char *name)
{
	const struct section *found = NULL;
	struct list *pos;

	list_foreach(&p->sections, pos) {
		const struct section *s = container_of(pos, struct section, link);

		if (!s->ignored && s->file == file && s->kind == kind && strcmp(s->name, name) == 0 &&
		    (found == NULL || strcmp(found->title, "default") == 0)) {
			found = s;
		}
	}
	return found;
}

static const char *lookup(const struct aws_profiles *p, enum aws_file file, enum aws_section kind, const char *name,
			  const char *key)
{
	const struct section *s = find_section(p, file, kind, name);
	const struct entry *e = s != NULL ? find_entry(s, key) : NULL;

	if (e == NULL) {
		return NULL;
	}
	return e->value.data != NULL ? e->value.data : "";
}

bool aws_profiles_has(const struct aws_profiles *p, enum aws_section kind, const char *name)
{
	return find_section(p, AWS_FILE_CONFIG, kind, name) != NULL ||
	       find_section(p, AWS_FILE_CREDENTIALS, kind, name) != NULL;
}

const char *aws_profiles_get_from(const struct aws_profiles *p, enum aws_file file, const char *name, const char *key)
{
	return lookup(p, file, AWS_PROFILE, name, key);
}

const char *aws_profiles_get(const struct aws_profiles *p, enum aws_section kind, const char *name, const char *key)
{
	const char *value = lookup(p, AWS_FILE_CREDENTIALS, kind, name, key);

	return value != NULL ? value : lookup(p, AWS_FILE_CONFIG, kind, name, key);
}

bool aws_profiles_nested(const struct aws_profiles *p, enum aws_section kind, const char *name, const char *key,
			 const char *subkey, char *out, size_t size)
{
	const char *lines = aws_profiles_get(p, kind, name, key);

	if (lines == NULL || *lines != '\n') {
		return false;
	}
	while (*lines == '\n') {
		size_t len = strcspn(++lines, "\n");
		const char *equals = memchr(lines, '=', len);
		const char *value = equals != NULL ? equals + 1 : lines + len;
		size_t value_len = (size_t)(lines + len - value);
		size_t key_len = equals != NULL ? (size_t)(equals - lines) : 0;

		trim(&lines, &key_len);
		trim(&value, &value_len);
		if (key_len == strlen(subkey) && strncasecmp(lines, subkey, key_len) == 0 && value_len < size) {
			memcpy(out, value, value_len);
			out[value_len] = '\0';
			return true;
		}
		lines = value + value_len;
		lines += strcspn(lines, "\n");
	}
	return false;
}
