#!/bin/bash
# The main job: examples/ad-variants.yaml through a private farm, and what a stranger's tool says of the result.
. "$(dirname "$0")/lib.sh"
command -v ffprobe >/dev/null || skip_all "ffprobe is not installed"
plan 34

export REEL_STATE_DIR=$T/state
run reel run "$REELD_ROOT/examples/ad-variants.yaml" -o "$T/out"
is "the batch ends done" "$status" 0
run reel sheet -o "$T/page.html"
is "one page with the clips inside can be had too" "$status" 0
videos=("$T"/out/*.mp4)
is "there are six videos" "${#videos[@]}" 6

# The types of the boxes at the top of an MP4, in order.
boxes()
{
	python3 - "$1" <<'PYTHON'
import os, struct, sys
with open(sys.argv[1], "rb") as file:
    end, at = os.fstat(file.fileno()).st_size, 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0]
        print(kind.decode(), end=" ")
        at += size if size >= 8 else end
PYTHON
}

stream()
{
	ffprobe -v error -select_streams "$1" -show_entries "stream=$2" -of csv=p=0 "$3"
}

# How far two pictures of the same moment differ inside a region (w:h:x:y), as mean luma.
difference()
{
	ffmpeg -v error -ss 1 -i "$1" -ss 1 -i "$2" -frames:v 1 -filter_complex \
		"[0]scale=1080:1920[a];[1]scale=1080:1920[b];[a][b]blend=all_mode=difference,crop=$3,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-" \
		-f null - 2>/dev/null </dev/null | sed -n 's/.*YAVG=//p' | tail -1
}

for video in "${videos[@]}"; do
	name=$(basename "$video")
	is "$name is H.264 1080x1920" "$(stream v:0 codec_name,width,height "$video")" h264,1080,1920
	is "$name has AAC sound" "$(stream a:0 codec_name "$video")" aac
	like "$name has the moov atom first" "$(boxes "$video")" '^ftyp moov .*mdat'
	run ffmpeg -v error -xerror -i "$video" -f null -
	is "$name decodes to its end without a complaint" "$status $err" "0 "
done

is "the six differ" "$(sha256sum "${videos[@]}" | cut -d' ' -f1 | sort -u | wc -l)" 6

# The caption: what the edit changed against the draft it was made from.
output()
{
	reel show -o json --jq "[.pipelines[0].stages[] | select(.type == \"$1\")][-1].result.outputs[0].media"
}
reel media get "$(output generate)" -o "$T/draft.mp4" >/dev/null
reel media get "$(output edit)" -o "$T/final.mp4" >/dev/null
changed=$(difference "$T/draft.mp4" "$T/final.mp4" 1080:960:0:960)
check "the edit put a text over the lower half (mean difference ${changed:-none})" \
	awk -v d="${changed:-0}" 'BEGIN { exit !(d > 2) }'

html=$T/out/sheet.html
check "the sheet is there" test -s "$html"
check "the sheet loads nothing from another machine" bash -c \
	"! grep -qE '(src|href|poster)=[\"]?(https?:)?//|url\((https?:)?//|fetch\(|XMLHttpRequest|import\(' '$html'"
for video in "${videos[@]}"; do
	grep -qF "$(basename "$video" | sed 's/ /%20/g')" "$html" || grep -qF "$(basename "$video")" "$html" || missing=$video
done
is "the sheet plays each of them" "${missing:-}" ""
is "the table for spreadsheets has a line for each" "$(wc -l <"$T/out/sheet.csv")" 7
is "nothing of the private farm is left running" "$(pids_of redis-server; pids_of reeld; pids_of reel-worker)" ""
