/*
 * reel completion: scripts for the shells, printed from the tables of commands and options.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/options.h"

/* ---- bash ---- */

static void bash_words(const struct option_row *row)
{
	for (; row && row->name; row++)
		printf(" --%s", row->name);
}

static void bash_case(const char *pattern, const struct command *command)
{
	printf("\t\t'%s') words='", pattern);
	for (const struct command *const *verb = command->verbs; verb && *verb; verb++)
		printf(" %s", (*verb)->name);
	bash_words(command->options);
	printf("'; ids=%d files=%d;;\n", command->args == ARGS_ID || command->args == ARGS_LANE,
	       command->args == ARGS_FILE);
}

static void print_bash(void)
{
	char pattern[64];

	puts("# bash completion for reel: . <(reel completion bash)\n"
	     "_reel()\n{\n"
	     "\tlocal word=${COMP_WORDS[COMP_CWORD]} path=${COMP_WORDS[1]} words= ids=0 files=0\n"
	     "\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	printf("\t\tCOMPREPLY=($(compgen -W '");
	for (const struct command *const *at = commands; *at; at++)
		printf(" %s", (*at)->name);
	puts("' -- \"$word\"))\n\t\treturn\n\tfi\n"
	     "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
	for (const struct command *const *at = commands; *at; at++)
		for (const struct command *const *verb = (*at)->verbs; verb && *verb; verb++) {
			snprintf(pattern, sizeof(pattern), "%s %s", (*at)->name, (*verb)->name);
			printf("\t\t'%s') path='%s';;\n", pattern, pattern);
		}
	puts("\tesac\n\tcase $path in");
	for (const struct command *const *at = commands; *at; at++) {
		bash_case((*at)->name, *at);
		for (const struct command *const *verb = (*at)->verbs; verb && *verb; verb++) {
			snprintf(pattern, sizeof(pattern), "%s %s", (*at)->name, (*verb)->name);
			bash_case(pattern, *verb);
		}
	}
	printf("\tesac\n\twords+=' ");
	bash_words(global_rows);
	puts("'\n"
	     "\tif [[ $word != -* && $ids -eq 1 ]]; then\n"
	     "\t\twords=\"$(timeout 1 reel ls --quiet 2>/dev/null) $words\"\n\tfi\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	     "\tif [ \"$files\" -eq 1 ] && [[ $word != -* ]]; then\n"
	     "\t\tCOMPREPLY+=($(compgen -f -- \"$word\"))\n\tfi\n}\n"
	     "complete -o filenames -F _reel reel");
}

/* ---- zsh ---- */

/* Inside single quotes, with the characters that _arguments and _describe read as their own. */
static void zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:", *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void zsh_rows(const struct option_row *row)
{
	for (; row && row->name; row++) {
		printf(" '--%s[", row->name);
		zsh_text(row->help);
		printf("]");
		if (row->value) {
			putchar(':');
			zsh_text(row->value);
			fputs(":_files", stdout);
		}
		putchar('\'');
	}
}

static void zsh_describe(const char *title, const struct command *const *list)
{
	printf("local -a %s=(", title);
	for (; *list; list++) {
		printf("'%s:", (*list)->name);
		zsh_text((*list)->summary);
		fputs("' ", stdout);
	}
	printf(")\n");
}

static void print_zsh(void)
{
	puts("#compdef reel\n# zsh completion for reel: reel completion zsh > ~/.zfunc/_reel\n"
	     "_reel() {");
	zsh_describe("commands", commands);
	puts("if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
	     "case $words[2] in");
	for (const struct command *const *at = commands; *at; at++) {
		printf("%s) ", (*at)->name);
		if ((*at)->verbs) {
			zsh_describe("verbs", (*at)->verbs);
			puts("if (( CURRENT == 3 )); then _describe verb verbs; return; fi");
		}
		printf("_arguments");
		zsh_rows((*at)->options);
		zsh_rows(global_rows);
		if ((*at)->args == ARGS_FILE)
			printf(" '*:file:_files'");
		if ((*at)->args == ARGS_ID)
			printf(" '*:id:($(reel ls --quiet 2>/dev/null))'");
		puts(" ;;");
	}
	puts("esac\n}\n_reel \"$@\"");
}

/* ---- fish ---- */

static void fish_text(const char *text)
{
	for (; *text; text++)
		printf(strchr("'\\", *text) ? "\\%c" : "%c", *text);
}

static void fish_rows(const char *condition, const struct option_row *row)
{
	for (; row && row->name; row++) {
		printf("complete -c reel -n '%s' -l %s", condition, row->name);
		if (row->letter)
			printf(" -s %c", row->letter);
		printf("%s -d '", row->value ? " -r" : "");
		fish_text(row->help);
		puts("'");
	}
}

static void fish_command(const struct command *command)
{
	char condition[128];

	printf("complete -c reel -n __fish_use_subcommand -a %s -d '", command->name);
	fish_text(command->summary);
	puts("'");
	snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", command->name);
	for (const struct command *const *verb = command->verbs; verb && *verb; verb++) {
		printf("complete -c reel -n '%s' -f -a %s -d '", condition, (*verb)->name);
		fish_text((*verb)->summary);
		puts("'");
	}
	fish_rows(condition, command->options);
	if (command->args == ARGS_ID)
		printf("complete -c reel -n '%s' -f -a '(reel ls --quiet 2>/dev/null)'\n",
		       condition);
}

static void print_fish(void)
{
	puts("# fish completion for reel: reel completion fish > ~/.config/fish/completions/reel.fish");
	for (const struct command *const *at = commands; *at; at++)
		fish_command(*at);
	fish_rows("true", global_rows);
}

static const struct {
	const char *name;
	void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

static int run(struct cli *cli, const void *given)
{
	struct nearest nearest;
	struct err err;

	(void)given;
	nearest_init(&nearest, cli->args[0]);
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (!strcmp(shells[i].name, cli->args[0])) {
			shells[i].print();
			return EXIT_DONE;
		}
		nearest_offer(&nearest, shells[i].name);
	}
	err_set(&err, ERR_REJECT, "unknown shell '%s'%s; bash, zsh and fish are known",
		cli->args[0], nearest_hint(&nearest));
	return cli_refuse(cli, &err);
}

const struct command command_completion = {
	.name = "completion",
	.summary = "completion script for bash, zsh or fish",
	.usage = "bash|zsh|fish",
	.group = "Help",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_WORD,
	.run = run,
};
