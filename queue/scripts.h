/*
 * The Lua scripts, one per transition, embedded at build time with the sum Redis names them by.
 * Each is called by EVALSHA; a server that does not know it (restarted, flushed) answers NOSCRIPT
 * and gets the text once.
 */
#pragma once

enum script {
	SCRIPT_SUBMIT,
	SCRIPT_TURN,
	SCRIPT_BEAT,
	SCRIPT_COMPARE,
	SCRIPT_REAP,
	SCRIPT_DEPART,
	SCRIPT_CANCEL,
	SCRIPT_RETRY,
	SCRIPT_APPROVE,
	SCRIPT_RELEASE,
	SCRIPT_PAUSE,
	SCRIPT_LANE,
	SCRIPT_EXPIRE,
	SCRIPT_FACT,
	SCRIPTS,
};

const char *script_sha(enum script script);
const char *script_text(enum script script);
