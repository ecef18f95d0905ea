// links: queue
/*
 * submit: a spec of 1,000 variants from the file to a sealed batch, as a user types it: the whole
 * process, reading, expanding, sending. The reference is the floor of the sending: the same number
 * of bytes SET into the same Redis over one connection, a value for each variant.
 */
#include "tests/bench/farm.h"

enum { VARIANTS = 1000, ROUNDS = 15 };

static const char spec_text[] =
	"version: 1\n"
	"name: bench\n"
	"vars: {product: Acme CLI}\n"
	"matrix:\n"
	"  hook: {file: hooks.txt}\n"
	"  look: [a, b, c, d, e, f, g, h, i, j]\n"
	"name_variants: \"bench|{hook}|{look}|v{n}\"\n"
	"stages:\n"
	"  draft:\n"
	"    generate: video\n"
	"    model: local/animatic\n"
	"    prompt: \"${{ .matrix.hook }}: ${{ .vars.product }}, look ${{ .matrix.look }}\"\n"
	"    duration: 4\n"
	"    seed: 7\n"
	"  check: {inspect: draft, require: [.duration >= 3.5]}\n"
	"  caption:\n"
	"    edit: draft\n"
	"    operations:\n"
	"      - textOverlay: {text: \"${{ .matrix.hook }}\", position: bottom-center}\n"
	"  store: {upload: caption}\n";

static void write_file(const struct farm *farm, const char *name, const char *text)
{
	char path[128];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", farm->dir, name);
	if (!file_write_atomic(path, text, strlen(text), 0600, &err))
		farm_die(path, err.text);
}

static void write_spec(const struct farm *farm)
{
	DEFER(buf_done) struct buf hooks = { 0 };

	for (int i = 0; i < VARIANTS / 10; i++)
		buf_printf(&hooks, "Hook number %d of the night\n", i);
	write_file(farm, "hooks.txt", hooks.data);
	write_file(farm, "spec.yaml", spec_text);
}

static int64_t input_bytes(const struct farm *farm)
{
	DEFER(freep) char *text = farm_info(farm);

	return (int64_t)farm_info_number(text, "total_net_input_bytes:");
}

/* Milliseconds of one `reel submit`. */
static double submit_once(struct farm *farm)
{
	char program[PATH_MAX + 16], verb[] = "submit", quiet[] = "--quiet", spec[128];
	char *argv[] = { program, verb, quiet, spec, NULL };
	int64_t began = clock_monotonic_us();
	int status;

	snprintf(program, sizeof(program), "%s/reel", farm->build);
	snprintf(spec, sizeof(spec), "%s/spec.yaml", farm->dir);
	waitpid(farm_spawn(farm, "submit.log", argv), &status, 0);
	if (status)
		farm_die("reel submit", "failed; run it by hand on a spec of 1,000 variants");
	return (double)(clock_monotonic_us() - began) / 1000;
}

static void read_replies(int fd, int count)
{
	char block[65536];

	/* +OK\r\n each */
	for (ssize_t left = count * 5; left > 0;) {
		ssize_t got = read(fd, block, sizeof(block));

		if (got <= 0)
			farm_die("SET", "no answer");
		left -= got;
	}
}

/* Milliseconds to SET `bytes` as one value a variant, written whole, read whole. */
static double set_once(struct farm *farm, int64_t bytes)
{
	DEFER(buf_done) struct buf out = { 0 };
	size_t each = (size_t)(bytes / VARIANTS);
	DEFER(freep) char *value = xmalloc(each + 1);
	int64_t began = clock_monotonic_us();
	struct err err;
	int fd;

	memset(value, 'x', each);
	for (int i = 0; i < VARIANTS; i++) {
		buf_printf(&out, "*3\r\n$3\r\nSET\r\n$9\r\nf%08d\r\n$%zu\r\n", i, each);
		buf_put(&out, value, each);
		buf_puts(&out, "\r\n");
	}
	fd = farm_connect(farm);
	if (fd < 0 || !file_write_all(fd, out.data, out.len, &err))
		farm_die("SET", "cannot be sent");
	read_replies(fd, VARIANTS);
	close(fd);
	return (double)(clock_monotonic_us() - began) / 1000;
}

int main(void)
{
	double submit_ms[ROUNDS], set_ms[ROUNDS], ours, floor_ms;
	struct farm farm;
	int64_t bytes;

	farm_init(&farm);
	setenv("REEL_REDIS_URL", farm.url, 1);
	setenv("REEL_STATE_DIR", farm.dir, 1);
	write_spec(&farm);
	bytes = input_bytes(&farm);
	(void)submit_once(&farm); /* scripts loaded, pages warm */
	bytes = input_bytes(&farm) - bytes;
	for (int i = 0; i < ROUNDS; i++) {
		submit_ms[i] = submit_once(&farm);
		set_ms[i] = set_once(&farm, bytes);
	}
	ours = farm_percentile(submit_ms, ROUNDS, 50);
	floor_ms = farm_percentile(set_ms, ROUNDS, 50);
	printf("{\"bench\": \"submit\", \"value\": %.1f, \"unit\": \"ms for 1,000 variants, whole "
	       "process, median of %d\", \"reference\": \"the same %lld bytes SET into Redis\", "
	       "\"reference_value\": %.1f, \"ratio\": %.2f, \"bytes\": %lld, \"min_ms\": %.1f, \"max_ms\": %.1f}\n",
	       ours, ROUNDS, (long long)bytes, floor_ms, ours / floor_ms, (long long)bytes,
	       submit_ms[0], submit_ms[ROUNDS - 1]);
	farm_end(&farm);
	return 0;
}
