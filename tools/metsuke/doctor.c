/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke doctor: looks at the machine, says what is there, what it means, and what to do.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tools/metsuke/cli.h"

enum grade { GRADE_GOOD, GRADE_NOTE, GRADE_BAD };

static json_t *findings;

static void say(enum grade g, const char *what, const char *found, const char *advice)
{
	static const char *const words[] = {"good", "note", "bad"};

	json_array_append_new(findings, json_pack("{s:s s:s s:s s:s}", "check", what, "grade",
						  words[g], "found", found, "advice", advice));
}

/* First line of a small file, without the line feed; "" if it cannot be read. */
static const char *read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	line[0] = '\0';
	if (f) {
		if (!fgets(line, (int)size, f))
			line[0] = '\0';
		fclose(f);
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void check_root(void)
{
	if (geteuid() == 0)
		say(GRADE_GOOD, "privileges", "root", "");
	else
		say(GRADE_NOTE, "privileges", "not root",
		    "captures work; live ports need root (or CAP_NET_ADMIN, CAP_NET_RAW, "
		    "CAP_IPC_LOCK, CAP_BPF)");
}

static void check_hugepages(void)
{
	char line[64], text[128];
	unsigned long total, free_pages;

	total = strtoul(read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", line,
				  sizeof(line)), NULL, 10);
	free_pages = strtoul(read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
				       line, sizeof(line)), NULL, 10);
	snprintf(text, sizeof(text), "%lu pages of 2 MB, %lu free", total, free_pages);
	if (free_pages >= 512)
		say(GRADE_GOOD, "hugepages", text, "");
	else
		say(GRADE_NOTE, "hugepages", text,
		    "everything works without, slower; sysctl vm.nr_hugepages=1024 (and a line in "
		    "/etc/sysctl.d/) gives 2 GB");
}

static void check_cores(void)
{
	char text[160], isolated[96];
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	read_line("/sys/devices/system/cpu/isolated", isolated, sizeof(isolated));
	snprintf(text, sizeof(text), "%ld online, isolated: %s", n, *isolated ? isolated : "none");
	if (n < 2)
		say(GRADE_NOTE, "cores", text, "one core must do everything; give it at least two");
	else if (!*isolated)
		say(GRADE_NOTE, "cores", text,
		    "for a busy link keep the workers' cores to themselves: boot with isolcpus= and "
		    "set cores: in the configuration");
	else
		say(GRADE_GOOD, "cores", text, "");
}

static void check_cpu(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool ssse3 = false, avx2 = false, avx512 = false;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		ssse3 = strstr(line, " ssse3");
		avx2 = strstr(line, " avx2");
		avx512 = strstr(line, " avx512_vbmi");
		break;
	}
	if (f)
		fclose(f);
	if (!ssse3)
		say(GRADE_BAD, "processor", "no SSSE3",
		    "the pattern matcher needs it; use a processor made after 2008");
	else
		say(GRADE_GOOD, "processor", avx512 ? "AVX-512 VBMI" : avx2 ? "AVX2" : "SSSE3", "");
}

static void check_iommu(void)
{
	DIR *d = opendir("/sys/kernel/iommu_groups");
	int groups = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		groups += e->d_name[0] != '.';
	if (d)
		closedir(d);
	if (groups)
		say(GRADE_GOOD, "IOMMU", "on", "");
	else
		say(GRADE_NOTE, "IOMMU", "off",
		    "only pci: ports need it: boot with intel_iommu=on iommu=pt (AMD: iommu=pt), "
		    "or use afxdp:");
}

static bool driver_loaded(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", name);
	return access(path, F_OK) == 0;
}

static void check_drivers(void)
{
	if (driver_loaded("vfio-pci"))
		say(GRADE_GOOD, "vfio-pci", "loaded", "");
	else
		say(GRADE_NOTE, "vfio-pci", "not loaded",
		    "only pci: ports need it: modprobe vfio-pci, then bind the NIC with "
		    "dpdk-devbind.py -b vfio-pci ADDRESS");
}

static void check_bpf(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (major > 5 || (major == 5 && minor >= 11))
		say(GRADE_GOOD, "kernel", u.release, "");
	else
		say(GRADE_NOTE, "kernel", u.release, "afxdp: ports want 5.11 or later");
	if (access("/sys/fs/bpf/.", W_OK) == 0)
		say(GRADE_GOOD, "bpffs", "mounted", "");
	else
		say(GRADE_NOTE, "bpffs", "not mounted",
		    "afxdp: shares an interface with other XDP programs only with it: mount -t bpf "
		    "bpf /sys/fs/bpf");
}

static void check_memlock(void)
{
	struct rlimit r;
	char text[64];

	getrlimit(RLIMIT_MEMLOCK, &r);
	if (r.rlim_cur == RLIM_INFINITY || geteuid() == 0) {
		say(GRADE_GOOD, "locked memory", "enough", "");
		return;
	}
	snprintf(text, sizeof(text), "%lu KB", (unsigned long)r.rlim_cur / 1024);
	say(GRADE_NOTE, "locked memory", text, "live ports want it unlimited: ulimit -l unlimited");
}

/* The URI that would open an interface, and what stands in its way. */
static void check_interface(const char *name)
{
	char path[PATH_MAX], link[PATH_MAX], speed[32], text[256], what[64];
	const char *driver = "none";
	ssize_t n;

	snprintf(what, sizeof(what), "port %.32s", name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n > 0) {
		link[n] = '\0';
		driver = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
	} else {
		driver = "virtual";
	}
	snprintf(path, sizeof(path), "/sys/class/net/%s/speed", name);
	read_line(path, speed, sizeof(speed));
	snprintf(text, sizeof(text), "driver %.64s%s%s", driver, *speed && *speed != '-' ? ", Mbit/s " : "",
		 *speed && *speed != '-' ? speed : "");
	snprintf(link, sizeof(link), "open it as afxdp:%.32s%s", name,
		 strcmp(driver, "virtual") == 0 ? "" : ", or bind it to vfio-pci for pci:");
	say(GRADE_GOOD, what, text, link);
}

static void check_interfaces(void)
{
	DIR *d = opendir("/sys/class/net");
	int found = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "lo") == 0)
			continue;
		check_interface(e->d_name);
		found++;
	}
	if (d)
		closedir(d);
	if (!found)
		say(GRADE_NOTE, "ports", "no network interface",
		    "captures, memif:, ring: and tap: work; for afxdp: and pci: a NIC is needed");
}

static void check_space(void)
{
	static const char *const places[] = {"/var/lib/metsuke", "/var/log/metsuke", "/var/cache/metsuke"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct stat st;

		if (stat(places[i], &st) == 0)
			say(GRADE_GOOD, places[i], "there", "");
		else
			say(GRADE_NOTE, places[i], "not there",
			    "made when the service starts as root; the configuration may name others");
	}
}

int command_doctor(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"CHECK", "check", false, 0},
						    {"", "grade", false, 0},
						    {"FOUND", "found", false, 0},
						    {"WHAT TO DO", "advice", false, 0},
						    {NULL, NULL, false, 0}};
	struct cli_option none[] = {{NULL, 0, false, NULL, NULL, 0, 0}};
	int status = EXIT_GOOD;
	json_t *row;
	size_t i;

	if (cli_parse(self, none, argc, argv) != 0)
		return EXIT_USAGE;
	findings = json_array();
	check_root();
	check_cpu();
	check_cores();
	check_hugepages();
	check_memlock();
	check_iommu();
	check_drivers();
	check_bpf();
	check_interfaces();
	check_space();
	cli_table(findings, columns);
	json_array_foreach(findings, i, row)
		if (strcmp(json_string_value(json_object_get(row, "grade")), "bad") == 0)
			status = EXIT_FAILED;
	json_decref(findings);
	return status;
}
