/* SPDX-License-Identifier: Apache-2.0 */
/* Host names of AWS services. */
#include "core/aws_endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct partition {
	const char *prefix; /* of its regions */
	const char *suffix; /* of its hosts */
};

/* The last one is all the world. */
static const struct partition partitions[] = {
	{ "cn-", "amazonaws.com.cn" },	  { "us-iso-", "c2s.ic.gov" },	    { "us-isob-", "sc2s.sgov.gov" },
	{ "eu-isoe-", "cloud.adc-e.uk" }, { "us-isof-", "csp.hci.ic.gov" }, { "eusc-", "amazonaws.eu" },
	{ "", "amazonaws.com" },
};

static const char *suffix_of(const char *region)
{
	const struct partition *p = partitions;

	while (!text_starts(region, p->prefix)) {
		p++;
	}
	return p->suffix;
}

bool aws_region_is_valid(const char *region)
{
	size_t len = strlen(region);

	return len > 0 && len < AWS_REGION_LEN && region[0] != '-' &&
	       strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

void aws_endpoint_default(struct buf *url, const char *service, const char *region)
{
	buf_printf(url, "https://%s.%s.%s", service, region, suffix_of(region));
}

static bool take_region(const char *from, size_t len, const char *suffix, char region[AWS_REGION_LEN])
{
	if (len == 0 || len >= AWS_REGION_LEN) {
		return false;
	}
	memcpy(region, from, len);
	region[len] = '\0';
	return aws_region_is_valid(region) && strcmp(suffix, suffix_of(region)) == 0;
}

bool aws_endpoint_queue_region(const char *queue_url, char region[AWS_REGION_LEN])
{
	struct err ignored = ERR_INIT;
	struct aws_url url;
	const char *dot;

	if (aws_url_parse(queue_url, &url, &ignored) != 0) {
		return false;
	}
	if (strcmp(url.host, "queue.amazonaws.com") == 0) {
		snprintf(region, AWS_REGION_LEN, "us-east-1");
		return true;
	}
	if (text_starts(url.host, "sqs.")) {
		dot = strchr(url.host + 4, '.');
		return dot != NULL && take_region(url.host + 4, (size_t)(dot - url.host - 4), dot + 1, region);
	}
	dot = strstr(url.host, ".queue.");
	return dot != NULL && take_region(url.host, (size_t)(dot - url.host), dot + 7, region);
}

/* Drops the port when it is the scheme's own: that is how HTTP clients write the Host header. */
static bool put_host(struct aws_url *out, const char *host, size_t len)
{
	const char *own = out->tls ? ":443" : ":80";
	const char *bracket;
	uint64_t port;
	char *colon;

	if (len == 0 || len >= sizeof(out->host)) {
		return false;
	}
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	if (strspn(out->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]") != len) {
		return false;
	}
	bracket = strrchr(out->host, ']');
	colon = strrchr(out->host, ':');
	if (colon == out->host || (colon != NULL && bracket == NULL && strchr(out->host, ':') != colon)) {
		return false;
	}
	if (colon == NULL || (bracket != NULL && colon < bracket)) {
		return true;
	}
	if (!text_to_u64(colon + 1, 1, 65535, &port)) {
		return false;
	}
	if (strcmp(colon, own) == 0) {
		*colon = '\0';
	}
	return true;
}

int aws_url_parse(const char *url, struct aws_url *out, struct err *err)
{
	const char *host;

	memset(out, 0, sizeof(*out));
	out->tls = strncasecmp(url, "https://", 8) == 0;
	if (!out->tls && strncasecmp(url, "http://", 7) != 0) {
		return err_set(err, 2, "not a URL; expected http://HOST[:PORT][/PATH] or https://...");
	}
	host = url + (out->tls ? 8 : 7);
	out->path = host + strcspn(host, "/?#");
	if (strcspn(out->path, "?#\r\n\t ") != strlen(out->path)) {
		return err_set(err, 2,
			       "a URL with a query, fragment or blank; expected http[s]://HOST[:PORT][/PATH]");
	}
	if (!put_host(out, host, (size_t)(out->path - host))) {
		return err_set(err, 2, "a URL without a proper host; expected http[s]://HOST[:PORT][/PATH]");
	}
	return 0;
}

bool aws_endpoint_is_link_local(const struct aws_url *url)
{
	static const char *const hosts[] = { "localhost", "169.254.170.2", "169.254.170.23", "[::1]",
					     "[fd00:ec2::23]" };
	const char *bracket = strrchr(url->host, ']');
	const char *colon = strrchr(url->host, ':');
	size_t len = colon != NULL && (bracket == NULL || colon > bracket) ? (size_t)(colon - url->host)
									   : strlen(url->host);

	for (size_t i = 0; i < countof(hosts); i++) {
		if (strlen(hosts[i]) == len && strncasecmp(url->host, hosts[i], len) == 0) {
			return true;
		}
	}
	/* 127.0.0.0/8, and not a name that begins like it */
	return text_starts(url->host, "127.") && strspn(url->host, "0123456789.") == len;
}
