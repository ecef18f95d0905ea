// links: worker
/*
 * Real stages in real boxes: the media parent with its real child, from the prompt to the post.
 * What fails here and not in contract/stages.c is the sandbox.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "pipeline/media/media.h"
#include "tests/unit/worker_peer.h"
#include "worker/media_parent.h"
#include "worker/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

struct fixture {
	struct config config;
	struct peer peer;
	char *folder, *store, *outbox;
	char steps[512]; /* of the stage that ran, each with a comma behind */
};

static void warm_up(void)
{
	sandbox_prepare();
	media_warm_up();
}

/* Expressions without an end shall not take their ten seconds each. */
static NORETURN void hurried_child(const struct media_job *job)
{
	struct media_job hurried = *job;

	hurried.expression_cpu_s = 1;
	media_child_run(&hurried);
}

static int body(void *context, int fd)
{
	struct fixture *fixture = context;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDERR_FILENO); /* what these tests provoke is not worth a line */
	return media_parent_main(
		&(struct media_parent_options){ &fixture->config, hurried_child, warm_up }, fd);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");

	fixture->folder = xasprintf("%s/reel-media-child-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->store = xasprintf("%s/store", fixture->folder);
	fixture->outbox = xasprintf("%s/outbox", fixture->folder);
	fixture->config = (struct config){ .state_dir = fixture->folder,
					   .store = fixture->store,
					   .outbox = fixture->outbox,
					   .media_memory_bytes = 512LL << 20,
					   .media_max_pixels = 1 << 24,
					   .media_timeout_ms = 120000 };
	peer_start(&fixture->peer, body, fixture);
	peer_hello(&fixture->peer, 4);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", fixture->folder);

	peer_done(&fixture->peer);
	assert_int_equal(system(command), 0);
	free(fixture->folder);
	free(fixture->store);
	free(fixture->outbox);
	free(fixture);
	return 0;
}

static struct wire_message take_end(struct fixture *fixture)
{
	struct wire_message message;

	fixture->steps[0] = '\0';
	do {
		size_t used = strlen(fixture->steps);

		if (!peer_take(&fixture->peer, &message))
			fail_msg("the worker ended");
		if (message.type == WIRE_STEP)
			snprintf(fixture->steps + used, sizeof(fixture->steps) - used, "%.*s,",
				 (int)message.step.name.len, message.step.name.data);
	} while (message.type != WIRE_VERDICT && message.type != WIRE_CRASH);
	return message;
}

/* Runs a stage; `results` grows by what it left. */
static struct wire_message run_stage(struct fixture *fixture, const char *stage, const char *type,
				     const char *definition, json_t *results)
{
	static uint64_t tag;
	DEFER(freep) char *results_text = json_text(results);
	DEFER(freep)
	char *task = xasprintf(
		"{\"batch\":\"b7\",\"pipeline\":\"b7-1\",\"stage\":\"%s\",\"type\":\"%s\","
		"\"epoch\":1,\"attempt\":1,\"prepare\":false,\"definition\":%s,\"context\":{"
		"\"matrix\":{\"hook\":\"Ship it\"},\"vars\":{},\"labels\":{},\"name\":\"one\","
		"\"index\":1,\"batch_name\":\"spring\"},\"results\":%s}",
		stage, type, definition, results_text);
	struct wire_message message;
	struct err err = { 0 };
	json_t *result;

	peer_run(&fixture->peer, ++tag, 0, task);
	message = take_end(fixture);
	if (message.type == WIRE_VERDICT && message.verdict.result.len &&
	    json_parse(message.verdict.result.data, message.verdict.result.len, "result", &result,
		       &err))
		json_object_set_new(results, stage, result);
	return message;
}

static void assert_done(const struct wire_message *message)
{
	DEFER(freep) char *said = NULL;

	if (message->type == WIRE_CRASH)
		fail_msg("crashed at %.*s, status %#x", (int)message->crash.step.len,
			 message->crash.step.data, message->crash.status);
	said = xstrndup(message->verdict.message.data, message->verdict.message.len);
	if (message->verdict.class != VERDICT_DONE)
		fail_msg("%s: %s", verdict_info(message->verdict.class)->name, said);
}

static void from_prompt_to_post(void **state)
{
	static const struct {
		const char *stage, *type, *definition;
	} stages[] = {
		{ "still", "generate",
		  "{\"kind\":\"image\",\"model\":{\"id\":\"local/animatic\",\"engine\":"
		  "\"animatic\"},\"prompt\":\"${{ .matrix.hook }}\",\"resolution\":\"144x256\"}" },
		{ "draft", "generate",
		  "{\"kind\":\"video\",\"model\":{\"id\":\"local/animatic\",\"engine\":"
		  "\"animatic\"},\"prompt\":\"${{ .matrix.hook | ascii_upcase }}\",\"duration\":1,"
		  "\"fps\":10,\"resolution\":\"144x256\",\"attach\":[{\"media\":"
		  "\"${{ .stages.still.outputs[0].media }}\",\"role\":\"start_frame\"}]}" },
		{ "check", "inspect",
		  "{\"input\":\"draft\",\"require\":[\".duration > 0.9\",\".has_audio\"]}" },
		{ "caption", "edit",
		  "{\"input\":\"draft\",\"operations\":[{\"textOverlay\":{\"text\":"
		  "\"${{ .matrix.hook }}\",\"position\":\"bottom-center\"}}]}" },
		{ "store", "upload", "{\"input\":\"caption\"}" },
		{ "ig", "publish",
		  "{\"input\":\"store\",\"to\":{\"id\":\"outbox\"},\"caption\":\"x\"}" },
	};
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	DEFER(freep) char *video = xasprintf("%s/spring/one-ig/video.mp4", fixture->outbox);

	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		struct wire_message message = run_stage(fixture, stages[i].stage, stages[i].type,
							stages[i].definition, results);

		assert_done(&message);
	}
	assert_int_equal(access(video, R_OK), 0);
}

static void crashes_and_failures_of_a_stage(void **state)
{
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	struct wire_message message =
		run_stage(fixture, "s", "noop", "{\"crash_times\":1}", results);
	int status;

	assert_int_equal(message.type, WIRE_CRASH);
	assert_text(message.crash.step, "noop");
	status = (int)message.crash.status;
	assert_true(WIFSIGNALED(status) || WIFEXITED(status)); /* a sanitizer exits */
	message = run_stage(fixture, "s", "noop", "{\"fail\":\"content_policy\"}", results);
	assert_int_equal(message.verdict.class, VERDICT_CONTENT_POLICY);
	message = run_stage(fixture, "s", "noop", "{\"echo\":\"${{ error(1) }}\"}", results);
	assert_int_equal(message.verdict.class, VERDICT_PERMANENT);
}

static void a_store_that_cannot_be_used_is_the_operators(void **state)
{
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	struct wire_message message;
	struct err err = { 0 };

	assert_true(file_write_atomic(fixture->store, "in the way", 10, 0600, &err));
	message = run_stage(fixture, "s", "noop", "{}", results);
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_OPERATOR);
	assert_contains(message.verdict.message, fixture->store);
}

static void too_large_a_result_is_refused(void **state)
{
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	struct wire_message message =
		run_stage(fixture, "s", "noop", "{\"echo\":\"${{ [range(300000)] }}\"}", results);

	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_PERMANENT);
	assert_contains(message.verdict.message, "the result has");
}

static void expressions_without_an_end_are_permanent(void **state)
{
	static const struct {
		const char *definition, *place;
		bool needs_memory_limit;
	} cases[] = {
		{ "{\"if\":\"last(range(1e12)) > 0\"}", "`if`", false },
		{ "{\"sleep_ms\":1,\"echo\":[1,\"${{ last(range(1e12)) }}\"]}", "`echo`", false },
		{ "{\"echo\":\"${{ reduce range(40) as $i (\\\"12345678\\\"; . + .) }}\"}",
		  "`echo`", true },
	};
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_message message;

		if (cases[i].needs_memory_limit && IS_SANITIZED)
			continue; /* it maps terabytes, so the box sets no limit */
		message = run_stage(fixture, "s", "noop", cases[i].definition, results);
		assert_int_equal(message.type, WIRE_VERDICT);
		assert_contains(message.verdict.message, cases[i].place);
		assert_contains(message.verdict.message,
				cases[i].needs_memory_limit ? "of memory" : "CPU time");
		assert_int_equal(message.verdict.class, VERDICT_PERMANENT);
	}
}

/* A limit that strikes later is not charged to an expression that has long ended. */
static void an_expression_that_ended_is_not_the_step(void **state)
{
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	struct wire_message message = run_stage(
		fixture, "s", "noop", "{\"sleep_ms\":1,\"echo\":\"${{ 1 + 1 }}\"}", results);

	assert_done(&message);
	assert_non_null(strstr(fixture->steps, MEDIA_EXPRESSION_STEP "echo`,expressions done,"));
}

static void so_are_those_of_require(void **state)
{
	struct fixture *fixture = *state;
	DEFER(json_freep) json_t *results = json_object();
	struct wire_message message =
		run_stage(fixture, "draft", "generate",
			  "{\"kind\":\"image\",\"model\":{\"id\":\"local/animatic\",\"engine\":"
			  "\"animatic\"},\"prompt\":\"x\",\"resolution\":\"144x256\"}",
			  results);

	assert_done(&message);
	message = run_stage(fixture, "check", "inspect",
			    "{\"input\":\"draft\",\"require\":[\".width > 1\","
			    "\"last(range(1e12)) > 0\"]}",
			    results);
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_contains(message.verdict.message, "`require[1]`");
	assert_int_equal(message.verdict.class, VERDICT_PERMANENT);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(from_prompt_to_post),
		ROW(crashes_and_failures_of_a_stage),
		ROW(a_store_that_cannot_be_used_is_the_operators),
		ROW(too_large_a_result_is_refused),
		ROW(expressions_without_an_end_are_permanent),
		ROW(an_expression_that_ended_is_not_the_step),
		ROW(so_are_those_of_require),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
