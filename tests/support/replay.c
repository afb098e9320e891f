/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replay FOLDER...: gives every file of the folders to a fuzz target once, without a fuzzer. Linked
 * with the target; so its corpus runs as a unit test.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak)); /* of some targets */

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;
	int bad = 1;

	if (!f)
		return 1;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
	    (data = malloc((size_t)size + 1)) && fread(data, 1, (size_t)size, f) == (size_t)size) {
		LLVMFuzzerTestOneInput(data, (size_t)size);
		bad = 0;
	}
	free(data);
	fclose(f);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		struct dirent *e;

		if (!folder) {
			perror(argv[i]);
			return 1;
		}
		while ((e = readdir(folder))) {
			char path[PATH_MAX];

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (replay(path) != 0) {
				perror(path);
				return 1;
			}
			count++;
		}
		closedir(folder);
	}
	printf("%u inputs\n", count);
	return count == 0;
}
