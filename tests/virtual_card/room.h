/*
 * The room a virtual card stands in: a clock that counts frames, and for each frame what the
 * microphones hear and what the loudspeakers emit, in files of interleaved samples.
 * Functions that can fail return a negative errno value. The files are read and written, not
 * mapped: a program's memory figures stay its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct timeline {
	int file, channels, sample_bytes; /* descriptor, -1 when closed; 2 or 4 bytes */
	int64_t length; /* frames; past it nothing is recorded, and there is silence */
};

struct room {
	int directory, events; /* descriptors, -1 when closed */
	struct timeline microphone, speaker;
	unsigned rate;         /* frames per second as the card claims them */
	int64_t origin_ns;     /* CLOCK_MONOTONIC at which index 0 begins */
	double frames_per_ns;  /* of CLOCK_MONOTONIC: the rate with its drift and compression */
	double echo_gain;
	int64_t echo_frames;   /* from the loudspeaker to the microphone */
};

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t room_index(const struct room *room)
{
	return (int64_t)floor((double)(monotonic_ns() - room->origin_ns) * room->frames_per_ns);
}

/* A moment of CLOCK_MONOTONIC at which the index has been reached, at most 2 ns after that. */
static int64_t room_instant(const struct room *room, int64_t index)
{
	return room->origin_ns + (int64_t)ceil((double)index / room->frames_per_ns) + 1;
}

static bool room_unplugged(const struct room *room)
{
	return faccessat(room->directory, "unplugged", F_OK, 0) == 0;
}

/* A line of the log from which a test knows when a direction was open. */
static void room_note(const struct room *room, const char *direction, const char *what)
{
	long long us = monotonic_ns() / 1000;

	if (dprintf(room->events, "%lld.%06lld %s %s\n", us / 1000000, us % 1000000, direction, what) < 0)
		fprintf(stderr, "virtual card: cannot log '%s': %s\n", what, strerror(errno));
}

static void room_close(struct room *room)
{
	int files[] = {room->directory, room->events, room->microphone.file, room->speaker.file};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i] >= 0)
			close(files[i]);
}

/* Read the card's description of itself, which VirtualCard has written. */
static int room_describe(struct room *room)
{
	int file = openat(room->directory, "card", O_RDONLY | O_CLOEXEC), bytes, fields;
	long long length, origin_ns, echo_frames;
	char text[512] = "";

	if (file < 0)
		return -errno;
	bytes = (int)read(file, text, sizeof(text) - 1);
	close(file);
	fields = sscanf(text, "rate %u sample_bytes %d microphones %d speakers %d length %lld "
			"origin_ns %lld frames_per_ns %lf echo_gain %lf echo_frames %lld",
			&room->rate, &room->microphone.sample_bytes, &room->microphone.channels,
			&room->speaker.channels, &length, &origin_ns, &room->frames_per_ns,
			&room->echo_gain, &echo_frames);
	if (bytes < 0 || fields != 9)
		return -EINVAL;
	room->speaker.sample_bytes = room->microphone.sample_bytes;
	room->speaker.length = room->microphone.length = length;
	room->origin_ns = origin_ns;
	room->echo_frames = echo_frames;
	return 0;
}

/* On failure too, room_close() must follow. -ENODEV: the card is unplugged. */
static int room_open(struct room *room, const char *directory)
{
	int err;

	room->events = room->microphone.file = room->speaker.file = -1;
	room->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (room->directory < 0)
		return -errno;
	if (room_unplugged(room))
		return -ENODEV;
	err = room_describe(room);
	if (err)
		return err;
	room->events = openat(room->directory, "events", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	room->microphone.file = openat(room->directory, "microphone.pcm", O_RDONLY | O_CLOEXEC);
	room->speaker.file = openat(room->directory, "speaker.pcm", O_RDWR | O_CLOEXEC);
	return room->events < 0 || room->microphone.file < 0 || room->speaker.file < 0 ? -errno : 0;
}

static size_t frame_bytes(const struct timeline *line)
{
	return (size_t)line->channels * (size_t)line->sample_bytes;
}

static int timeline_write(const struct timeline *line, int64_t index, const void *frames, int64_t count)
{
	int64_t room = line->length - index;
	ssize_t bytes = (ssize_t)(count < room ? count : room) * (ssize_t)frame_bytes(line);

	if (bytes <= 0)
		return 0;
	if (pwrite(line->file, frames, (size_t)bytes, index * (off_t)frame_bytes(line)) != bytes)
		return -EIO;
	return 0;
}

static int timeline_read(const struct timeline *line, int64_t index, void *frames, int64_t count)
{
	size_t bytes = count > 0 ? (size_t)count * frame_bytes(line) : 0;
	ssize_t done = pread(line->file, frames, bytes, index * (off_t)frame_bytes(line));

	if (done < 0)
		return -EIO;
	memset((char *)frames + done, 0, bytes - (size_t)done);
	return 0;
}

static double sample_at(const void *samples, int64_t i, int bytes)
{
	return bytes == 4 ? ((const int32_t *)samples)[i] : ((const int16_t *)samples)[i];
}

/*
 * What the microphones pick up: what was said, plus echo_gain times the mean of the loudspeaker's
 * channels in each microphone, saturating. `emitted` is room for `count` speaker frames.
 */
static int room_hear(const struct room *room, int64_t index, void *frames, int64_t count, void *emitted)
{
	int microphones = room->microphone.channels, speakers = room->speaker.channels;
	int bytes = room->microphone.sample_bytes;
	double sum = 0, mixed, top = bytes == 4 ? INT32_MAX : INT16_MAX;
	int err = timeline_read(&room->microphone, index, frames, count);

	if (err || room->echo_gain == 0)
		return err;
	err = timeline_read(&room->speaker, index - room->echo_frames, emitted, count);
	for (int64_t i = 0; i < count * microphones && !err; i++) {
		if (i % microphones == 0) {
			sum = 0;
			for (int k = 0; k < speakers; k++)
				sum += sample_at(emitted, i / microphones * speakers + k, bytes);
		}
		mixed = rint(sample_at(frames, i, bytes) + room->echo_gain * sum / speakers);
		mixed = fmin(fmax(mixed, -top - 1), top);
		if (bytes == 4)
			((int32_t *)frames)[i] = (int32_t)mixed;
		else
			((int16_t *)frames)[i] = (int16_t)mixed;
	}
	return err;
}
