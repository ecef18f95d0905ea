#!/bin/bash
# check_layers.sh [ROOT]: does the code keep to the house plan? One line "file:line: rule" per breach; exit 1
# when there is any. Functions over 80 lines are notes, not breaches: a review question.
#
#	directions	who may include whom
#	homes		each outside library is included in one place only
#	JSON		no JSON type in a header that other folders include, but where values are dynamic by nature
#	sizes		no source file over 600 lines
#	READMEs		every folder of the plan says what lives in it
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

sources=$(find . \( -path ./build -o -path ./out -o -path ./.git -o -path ./tests \) -prune -o \
	-type f \( -name '*.[ch]' -o -name '*.lua' \) -print | sed 's|^\./||' | sort)

# shellcheck disable=SC2086,SC2016 # file names have no spaces here; $1 is awk's
breaches=$(awk '
	# Directions. A row allows the files of a folder to include what matches; a folder without a row may
	# include nothing of ours, so that a new one has to be entered here.
	BEGIN {
		may["base"]            = "^base/"
		may["queue"]           = "^(base|queue)/"
		may["pipeline/spec"]   = "^(base|pipeline/spec)/"
		may["pipeline/http"]   = "^(base|pipeline/http)/"
		may["pipeline/recipe"] = "^(base|pipeline/(recipe|spec|http))/"
		may["pipeline/store"]  = "^(base|pipeline/(store|http))/"
		may["pipeline/media"]  = "^(base|pipeline/media)/"
		may["pipeline/stage"]  = "^(base|pipeline/(stage|spec|store|media|recipe))/"
		may["worker"]          = "^(base|pipeline/[a-z]+|worker)/"
		may["daemon"]          = "^((base|queue|pipeline/spec|daemon)/|worker/(wire|channel)\\.h$)"
		may["cli"]             = "^(base|queue|pipeline/(spec|store)|cli)/"
		may["web"]             = "^(base|queue|pipeline/(spec|store)|web)/"
		may["rehearsal"]       = "^(base|pipeline/media|rehearsal)/"

		# Homes: library, what its headers look like, which files may name them.
		home("hiredis",     "^hiredis/",                                   "^queue/")
		home("libevent",    "^(event2/|event\\.h$)",                       "^(queue|daemon|worker|rehearsal|web)/")
		home("libav",       "^lib(avformat|avcodec|avfilter|avutil|avdevice|swscale|swresample)/", "^pipeline/media/")
		home("libass",      "^ass/",                                       "^pipeline/media/")
		home("fontconfig",  "^fontconfig/",                                "^pipeline/media/")
		home("libjq",       "^(jq|jv)\\.h$",                               "^pipeline/(spec/expr[a-z_]*\\.c|recipe/[a-z_]+\\.c)$")
		home("libfyaml",    "^libfyaml\\.h$",                              "^base/yaml\\.c$")
		home("libcrypto",   "^openssl/",                                   "^pipeline/store/")
		home("libseccomp",  "^seccomp\\.h$",                               "^worker/")
		home("libsystemd",  "^systemd/",                                   "^daemon/")
		home("libcurl",     "^curl/",                                      "^pipeline/http/")
		home("SQLite",      "^sqlite3\\.h$",                               "^worker/ledger\\.c$")
		home("dlib",        "^dlib/",                                      "^pipeline/media/")
		home("jansson",     "^jansson\\.h$",                               "^(base|pipeline|cli|web)/")

		json_headers = "^(base/(json|yaml)|pipeline/spec/(expr|catalogue)|pipeline/stage/[a-z_]+|pipeline/media/media)\\.h$"
	}
	function home(name, headers, files) { homes++; library[homes] = name; pattern[homes] = headers; place[homes] = files }
	function breach(text) { print FILENAME ":" FNR ": " text }

	FNR == 1 {
		folder = FILENAME
		sub(/\/[^\/]*$/, "", folder)
		is_code = FILENAME ~ /\.[ch]$/
		is_header = FILENAME ~ /\.h$/
		start = 0
	}
	FNR == 601 { breach("longer than 600 lines: split it") }
	!is_code { next }

	/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		name = $0
		sub(/^[^<"]*[<"]/, "", name)
		sub(/[>"].*$/, "", name)
		for (i = 1; i <= homes; i++)
			if (name ~ pattern[i] && FILENAME !~ place[i])
				breach("includes <" name ">, but the home of " library[i] " is " place[i])
		if (index(name, folder "/") != 1)
			outside_user[name] = FILENAME
		if ($0 ~ /"/ && name ~ /\//) {
			if (!(folder in may))
				breach("includes \"" name "\", but " folder "/ has no row in tests/check_layers.sh")
			else if (name !~ may[folder])
				breach("includes \"" name "\", but " folder "/ may include only " may[folder])
		} else if ($0 ~ /"/ && name !~ /\.inc$/)
			breach("includes \"" name "\" without its folder: write \"" folder "/" name "\"")
	}
	is_header && /(^|[^a-zA-Z0-9_])json_t([^a-zA-Z0-9_]|$)/ && FILENAME !~ json_headers && !(FILENAME in json_at) {
		json_at[FILENAME] = FNR
	}
	/^\{/ { start = FNR }
	/^}/ {
		if (start && FNR - start - 1 > 80)
			print FILENAME ":" start ": note: a function of " FNR - start - 1 " lines"
		start = 0
	}
	# Inside its folder a header may speak JSON: the edge has two sides.
	END {
		for (header in json_at)
			if (header in outside_user)
				print header ":" json_at[header] ": a JSON type in a header that " outside_user[header] \
					" includes: decode it at the edge into a struct (base/json.h)"
	}
' $sources)

readmes=$(
	find . -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name build ! -name out | sed 's|^\./||' | sort
	find pipeline -mindepth 1 -maxdepth 1 -type d | sort
)
for folder in $readmes; do
	[ -z "$(find "$folder" -type f -print -quit)" ] || [ -f "$folder/README.md" ] ||
		breaches+=$'\n'"$folder/README.md:1: missing: every folder says what lives in it and what it may include"
done

breaches=$(sed '/^$/d' <<<"$breaches")
[ -z "$breaches" ] && exit 0
echo "$breaches"
! grep -qv ': note: ' <<<"$breaches"
