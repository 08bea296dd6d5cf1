/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds files to a fuzz target: its corpus is a regression test where there is no fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *data = malloc(1 << 20);
	size_t n;

	if (f == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, 1 << 20, f);
	fclose(f);
	LLVMFuzzerTestOneInput((const uint8_t *)data, n);
	free(data);
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (dir == NULL) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(dir)) != NULL) {
			char path[4096];

			if (entry->d_name[0] != '.') {
				snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
				replay(path);
				count++;
			}
		}
		closedir(dir);
	}
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 1;
}
