/*
 * Edit distance with transpositions and without regard to case, on names up to 64 bytes.
 */
#include "base/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_BYTES + 1], length_a = strlen(a), length_b = strlen(b);

	if (length_a > NAME_MAX_BYTES || length_b > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= length_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		size_t *row = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    tolower((unsigned char)a[i - 2]) == y && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return rows[length_a % 3][length_b];
}

void nearest_init(struct nearest *nearest, const char *wanted)
{
	*nearest = (struct nearest){ .wanted = wanted, .best_distance = NAME_MAX_BYTES };
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t far = distance(nearest->wanted, candidate);

	if (far < nearest->best_distance) {
		nearest->best = candidate;
		nearest->best_distance = far;
	}
}

const char *nearest_hint(struct nearest *nearest)
{
	size_t length = strlen(nearest->wanted);

	if (nearest->best && nearest->best_distance <= (length < 3 ? 1 : (length + 2) / 3))
		snprintf(nearest->hint, sizeof(nearest->hint), ", did you mean '%s'?",
			 nearest->best);
	return nearest->hint;
}
