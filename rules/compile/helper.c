/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke-compile: compiles pattern databases for the process that loads rules, which spawns it
 * (database.c). Literals come on standard input, databases go to standard output; both are files in
 * memory. Nothing else is read or written.
 */
#include "rules/compile/database.h"

int main(void)
{
	return database_child(0, 1);
}
