/* A wall clock that a test can set, put before the C library's by LD_PRELOAD.
 *
 * The file named by FALSE_CLOCK holds "SECONDS SYNCED": what is added to the time, and whether the
 * kernel tells that somebody has set it. Monotonic clocks are left alone. Made for one purpose:
 * what OpenSSL, Python and adjtimex(2) are told.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static long told(int *synced)
{
	long offset = 0;
	const char *path = getenv("FALSE_CLOCK");
	FILE *file = path ? fopen(path, "re") : NULL;

	*synced = 1;
	if (file) {
		if (fscanf(file, "%ld %d", &offset, synced) != 2)
			offset = 0;
		fclose(file);
	}
	return offset;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	int synced, result = (int)syscall(SYS_clock_gettime, clock, at);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		at->tv_sec += told(&synced);
	return result;
}

time_t time(time_t *result)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (result)
		*result = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

int adjtimex(struct timex *ask)
{
	int synced;

	(void)ask;
	told(&synced);
	return synced ? TIME_OK : TIME_ERROR;
}
