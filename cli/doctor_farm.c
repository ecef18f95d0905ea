/*
 * The farm: Redis and what it can lose, the hosts, the lanes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cli/doctor.h"
#include "cli/private.h"
#include "cli/session.h"

enum { SKEW_BAD_US = 2000000, PING_SLOW_US = 20000 };

/* What of the last moments is gone when Redis's machine loses power. */
static void look_at_durability(struct doctor *doctor, const struct queue_server *server)
{
	if (!server->has_append_only)
		doctor_say(
			doctor, DOCTOR_BAD, "durability",
			"no append-only file: everything since the last snapshot is lost with the "
			"process; set appendonly yes");
	else if (!strcmp(server->appendfsync, "always"))
		doctor_say(doctor, DOCTOR_GOOD, "durability",
			   "appendfsync always: what was acknowledged survives a power cut");
	else if (!strcmp(server->appendfsync, "everysec"))
		doctor_say(doctor, DOCTOR_NOTE, "durability",
			   "appendfsync everysec: a power cut loses about the last second, and its "
			   "stages run again; for paid and public stages set appendfsync always");
	else if (!strcmp(server->appendfsync, "no"))
		doctor_say(doctor, DOCTOR_BAD, "durability",
			   "appendfsync no: a power cut loses up to half a minute; set appendfsync "
			   "always");
	else
		doctor_say(
			doctor, DOCTOR_NOTE, "durability",
			"Redis does not tell its appendfsync (CONFIG is forbidden here?); it should "
			"be always");
	if (*server->eviction && strcmp(server->eviction, "noeviction"))
		doctor_say(doctor, DOCTOR_BAD, "eviction",
			   "maxmemory-policy %s: a full Redis would throw pipelines away; set "
			   "noeviction",
			   server->eviction);
}

static void look_at_server(struct doctor *doctor, const struct queue_server *server)
{
	int64_t skew = server->clock_skew_us;
	char memory[32];

	units_show_bytes(server->memory_bytes, memory);
	doctor_say(doctor, DOCTOR_GOOD, "server", "%s %s, %s used, answers in %.2f ms",
		   server->flavour, server->version, memory, (double)server->ping_us / 1000);
	if (server->is_replica)
		doctor_say(doctor, DOCTOR_BAD, "role",
			   "this is a replica: it refuses writes; name the master");
	if (server->ping_us > PING_SLOW_US)
		doctor_say(doctor, DOCTOR_NOTE, "latency",
			   "an answer takes %.0f ms: is it far away, or swapping?",
			   (double)server->ping_us / 1000);
	if (skew > SKEW_BAD_US || skew < -SKEW_BAD_US)
		doctor_say(doctor, DOCTOR_NOTE, "clock",
			   "this machine's clock and Redis's differ by %.1f s; the farm goes by "
			   "Redis's",
			   (double)skew / 1e6);
	if (server->max_memory_bytes && server->memory_bytes > server->max_memory_bytes / 10 * 9)
		doctor_say(doctor, DOCTOR_BAD, "memory",
			   "nine tenths of maxmemory are used: submits will be refused soon");
	look_at_durability(doctor, server);
}

static void look_at_hosts(struct doctor *doctor, struct session *session)
{
	struct queue_host *hosts;
	struct err err = { 0 };
	size_t count, alive = 0;
	char age[32];

	if (!queue_hosts(session->client, &hosts, &count, &err)) {
		doctor_say(doctor, DOCTOR_BAD, "hosts", "%s", err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		units_show_duration((clock_real_us() - hosts[i].seen_at) / 1000, age);
		doctor_say(doctor, hosts[i].is_lapsed ? DOCTOR_NOTE : DOCTOR_GOOD, "host",
			   "%s: %s, last heartbeat %s ago, %lld running, reeld %s", hosts[i].name,
			   hosts[i].is_lapsed ? "silent" : "alive", age,
			   (long long)hosts[i].running, hosts[i].version ? hosts[i].version : "?");
		alive += !hosts[i].is_lapsed;
		queue_host_done(&hosts[i]);
	}
	free(hosts);
	if (alive)
		return;
	if (session->private)
		doctor_say(doctor, DOCTOR_GOOD, "hosts",
			   "none at the moment; `reel run` and `reel submit` start one");
	else
		doctor_say(doctor, DOCTOR_BAD, "hosts",
			   "none is alive: nothing runs until a reeld starts");
}

static void look_at_lanes(struct doctor *doctor, struct session *session)
{
	struct queue_lane *lanes;
	struct err err = { 0 };
	size_t count;

	if (!queue_lanes(session->client, &lanes, &count, &err)) {
		doctor_say(doctor, DOCTOR_BAD, "lanes", "%s", err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (lanes[i].is_cordoned)
			doctor_say(doctor, DOCTOR_BAD, "lane", "%s is cordoned: %s", lanes[i].name,
				   lanes[i].reason ? lanes[i].reason : "no reason kept");
		else if (lanes[i].is_paused)
			doctor_say(doctor, DOCTOR_NOTE, "lane", "%s is paused, %lld stages wait",
				   lanes[i].name, (long long)lanes[i].ready);
		queue_lane_done(&lanes[i]);
	}
	free(lanes);
}

bool doctor_look_at_farm(struct doctor *doctor, const struct config *config)
{
	DEFER(session_close) struct session session = { 0 };
	struct queue_server server = { 0 };
	struct err err = { 0 };

	if (!config->redis && !private_exists(config)) {
		doctor_say(doctor, DOCTOR_GOOD, "farm",
			   "none yet: `reel run SPEC` starts a private one in %s",
			   config->state_dir);
		return true;
	}
	if (!session_open(doctor->cli, SESSION_LOOK, &session, &err) ||
	    !queue_server(session.client, &server, &err)) {
		doctor_say(doctor, DOCTOR_BAD, "farm", "%s", err.text);
		return false;
	}
	doctor_say(doctor, DOCTOR_GOOD, "farm", "'%s', %s", config->farm,
		   session.private ? "private to this machine and user" : "shared");
	look_at_server(doctor, &server);
	/* Debian 12's hiredis is 0.14.1: no TLS, no Sentinel, no Cluster client. */
	if (!session.private)
		doctor_say(
			doctor, DOCTOR_NOTE, "network",
			"this build speaks neither TLS nor Sentinel nor Cluster: one address, over a "
			"network you trust (WireGuard, stunnel)");
	look_at_hosts(doctor, &session);
	look_at_lanes(doctor, &session);
	return true;
}
