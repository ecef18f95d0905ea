/*
 * The table of worker kinds.
 *
 * The remote worker does not die with the supervisor: it sees end of file on its channel, starts
 * nothing new and lets requests on the wire end, because an answer that is money must not be cut
 * off (RACES 8).
 */
#include "daemon/kinds.h"

const struct kind *kind_info(enum broker_kind kind)
{
	static const struct kind kinds[BROKER_KINDS] = {
		[BROKER_MEDIA] = { "media", "reel-worker", "--media",
				   KIND_SERVED | KIND_DIES_WITH_US | KIND_WRITES | KIND_FORKS },
		[BROKER_REMOTE] = { "remote", "reel-remote", NULL,
				    KIND_SERVED | KIND_HOLDS_SECRETS | KIND_SHARED },
		[BROKER_GPU] = { "gpu", "reel-worker", "--gpu",
				 KIND_DIES_WITH_US | KIND_WRITES | KIND_FORKS },
	};

	return &kinds[kind];
}
