/*
 * A sound card for tests, as an alsa-lib ioplug plugin.
 *
 * A card is a directory. `microphone.pcm` is what its microphones hear and `speaker.pcm` what its
 * loudspeakers emit, frame by frame since the card's origin. CLOCK_MONOTONIC alone moves it; there
 * is no thread and no daemon. Playback lays every frame down at the index at which it will become
 * audible, and takes back what was not yet audible when the stream stops: at any moment the past
 * of `speaker.pcm` is exactly what a person in the room has heard. Capture reads the past of
 * `microphone.pcm` plus the loudspeaker's echo. README.md tells how tests use it.
 */
#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <sys/timerfd.h>

#include "room.h"

struct card {
	snd_pcm_ioplug_t io;
	struct room room;
	struct timeline *line; /* of this direction */
	bool playback;
	int timer;             /* descriptor, -1 when closed */
	char *held, *silence;  /* a longest buffer each; held: written, but not on the timeline */
	bool gone;             /* the card was pulled out: this stream will not come back */
	bool moving;           /* the clock moves the stream: it runs or drains */
	int64_t base;          /* while moving: index of the stream's frame 0 */
	int64_t halted;        /* while not: the stream's position */
	int64_t written;       /* playback: end of what the program handed over */
};

static void note(const struct card *card, const char *what)
{
	room_note(&card->room, card->playback ? "playback" : "capture", what);
}

/* Frames of the stream that have passed the converter. */
static int64_t position(const struct card *card)
{
	return card->moving ? room_index(&card->room) - card->base : card->halted;
}

/*
 * The position at which the program shall go on. Draining, that is the end. A program that polls
 * wants a whole period; a blocked call, which alsa-lib lets begin with less, wants the rest of the
 * period it is in.
 */
static int64_t goal(const struct card *card, int64_t appl)
{
	int64_t period = (int64_t)card->io.period_size;
	int64_t buffer = card->playback ? (int64_t)card->io.buffer_size : 0;

	if (card->playback && card->io.state == SND_PCM_STATE_DRAINING)
		return card->written;
	return appl - (card->io.nonblock ? 0 : appl % period) + period - buffer;
}

/*
 * Make the poll descriptor readable from the instant at which poll() should return: as on hardware
 * a period boundary. It stays so until armed again: a waiting thread wakes once for each period.
 */
static void arm(struct card *card, int64_t appl)
{
	int64_t period = (int64_t)card->io.period_size, at = goal(card, appl);
	int64_t instant = 1; /* long ago: readable at once */
	snd_pcm_state_t state = card->io.state;
	struct itimerspec timer = {0};

	if (at > position(card) && card->moving)
		instant = room_instant(&card->room, card->base + (at + period - 1) / period * period);
	else if (at > position(card) && (state == SND_PCM_STATE_PREPARED || state == SND_PCM_STATE_PAUSED))
		instant = 0; /* never: nothing will change until the program acts */
	timer.it_value.tv_sec = instant / 1000000000;
	timer.it_value.tv_nsec = instant % 1000000000;
	if (timerfd_settime(card->timer, TFD_TIMER_ABSTIME, &timer, NULL) < 0)
		SNDERR("virtual card: cannot set the period timer: %s", strerror(errno));
}

/* Stop the clock, and take back from the timeline what is not audible by now. */
static int halt(struct card *card, const char *why)
{
	int64_t at = position(card), unheard = card->playback ? card->written - at : 0;
	int err = 0;

	if (card->moving) {
		card->halted = at;
		card->moving = false;
		err = timeline_read(card->line, card->base + at, card->held, unheard);
		err = err ? err : timeline_write(card->line, card->base + at, card->silence, unheard);
		note(card, why);
	}
	return err;
}

/* Follow the clock: notice that the card is gone, or that the program came too late. */
static int follow(struct card *card)
{
	snd_pcm_ioplug_t *io = &card->io;
	int64_t limit = card->playback ? 0 : (int64_t)io->buffer_size;
	int64_t ahead = position(card) - (int64_t)io->appl_ptr; /* of the program */

	if (!card->gone && room_unplugged(&card->room)) {
		halt(card, "unplug");
		card->gone = true;
	} else if (io->state == SND_PCM_STATE_RUNNING && ahead >= limit) {
		halt(card, "xrun");
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_XRUN);
	}
	if (card->gone)
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
	return card->gone ? -ENODEV : io->state == SND_PCM_STATE_XRUN ? -EPIPE : 0;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	/* alsa-lib takes any error here for an xrun; when the card is gone, recovery then fails. */
	int err = follow(io->private_data);
	return err ? err : (snd_pcm_sframes_t)position(io->private_data);
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
				       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	struct card *card = io->private_data;
	char *frames = (char *)areas->addr + (areas->first + offset * areas->step) / 8;
	int64_t appl = (int64_t)io->appl_ptr, count = (int64_t)size, index = card->base + appl;
	size_t frame = frame_bytes(card->line);
	int err = follow(card);

	if (!err && !card->playback)
		err = room_hear(&card->room, index, frames, count, card->held);
	else if (!err && card->moving)
		err = timeline_write(card->line, index, frames, count);
	else if (!err)
		memcpy(card->held + (size_t)(appl - card->halted) * frame, frames, size * frame);
	if (err)
		return err;
	card->written = appl + count;
	arm(card, appl + count);
	return (snd_pcm_sframes_t)size;
}

static int card_start(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;
	int64_t held = card->playback ? card->written - card->halted : 0;
	int err = follow(card);

	if (err)
		return err;
	card->base = room_index(&card->room) - card->halted;
	card->moving = true;
	err = timeline_write(card->line, card->base + card->halted, card->held, held);
	note(card, "start");
	arm(card, (int64_t)io->appl_ptr);
	return err;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	return halt(io->private_data, "stop");
}

static int card_pause(snd_pcm_ioplug_t *io, int enable)
{
	struct card *card = io->private_data;

	if (!card->playback)
		return -ENOSYS; /* what a microphone hears cannot wait */
	return enable ? halt(card, "pause") : card_start(io);
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;
	int err = halt(card, "stop");

	card->halted = card->written = 0;
	arm(card, 0);
	return follow(card) == -ENODEV ? -ENODEV : err;
}

static int card_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int count,
			     unsigned short *revents)
{
	struct card *card = io->private_data;
	bool failed = follow(card) < 0 || io->state == SND_PCM_STATE_SETUP;
	bool ready = count == 1 && fds->revents && position(card) >= goal(card, (int64_t)io->appl_ptr);

	*revents = (failed || ready ? card->playback ? POLLOUT : POLLIN : 0) | (failed ? POLLERR : 0);
	arm(card, (int64_t)io->appl_ptr);
	return 0;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;

	if (io->pcm)
		note(card, "close");
	if (card->timer >= 0)
		close(card->timer);
	room_close(&card->room);
	free(card->held);
	free(card);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start, .stop = card_stop, .pause = card_pause, .prepare = card_prepare,
	.pointer = card_pointer, .transfer = card_transfer, .poll_revents = card_poll_revents,
	.close = card_close,
};

/* The card's own parameters and no others: a program that wants something else needs `plug`. */
static int constrain(struct card *card)
{
	const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
	const unsigned format = card->line->sample_bytes == 4 ? SND_PCM_FORMAT_S32 : SND_PCM_FORMAT_S16;
	const unsigned channels = (unsigned)card->line->channels, rate = card->room.rate;
	const unsigned second = rate * (unsigned)frame_bytes(card->line);
	const struct { int what; unsigned least, most; } ranges[] = {
		{SND_PCM_IOPLUG_HW_CHANNELS, channels, channels},
		{SND_PCM_IOPLUG_HW_RATE, rate, rate},
		{SND_PCM_IOPLUG_HW_PERIOD_BYTES, second / 200, second / 10},
		{SND_PCM_IOPLUG_HW_BUFFER_BYTES, second / 100, second},
	};
	int err = snd_pcm_ioplug_set_param_list(&card->io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);

	if (err >= 0)
		err = snd_pcm_ioplug_set_param_list(&card->io, SND_PCM_IOPLUG_HW_FORMAT, 1, &format);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges) && err >= 0; i++)
		err = snd_pcm_ioplug_set_param_minmax(&card->io, ranges[i].what, ranges[i].least, ranges[i].most);
	return err;
}

/* On failure card_close() must follow. */
static int equip(struct card *card, const char *directory)
{
	size_t longest;
	int err = room_open(&card->room, directory);

	if (err)
		return err;
	if (flock(card->line->file, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY; /* as on hardware, a direction belongs to one stream at a time */
	longest = card->room.rate * (frame_bytes(&card->room.microphone) + frame_bytes(&card->room.speaker));
	card->held = calloc(2, longest);
	if (!card->held)
		return -ENOMEM;
	card->silence = card->held + longest;
	card->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return card->timer < 0 ? -errno : 0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(virtual_card)
{
	struct card *card = calloc(1, sizeof(*card));
	snd_config_t *node;
	const char *directory = "";
	int err;

	(void)root;
	if (!card)
		return -ENOMEM;
	if (snd_config_search(conf, "directory", &node) >= 0)
		snd_config_get_string(node, &directory);
	card->playback = stream == SND_PCM_STREAM_PLAYBACK;
	card->line = card->playback ? &card->room.speaker : &card->room.microphone;
	card->timer = -1;
	err = equip(card, directory);
	card->io.version = SND_PCM_IOPLUG_VERSION;
	card->io.name = "virtual card";
	card->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
	card->io.callback = &callbacks;
	card->io.private_data = card;
	card->io.poll_fd = card->timer;
	card->io.poll_events = POLLIN;
	if (!err)
		err = snd_pcm_ioplug_create(&card->io, name, stream, mode);
	card->io.nonblock = (mode & SND_PCM_NONBLOCK) != 0; /* alsa-lib only tells of changes */
	if (err) {
		card_close(&card->io);
		return err;
	}
	note(card, "open");
	err = constrain(card);
	if (err < 0) {
		snd_pcm_ioplug_delete(&card->io);
		return err;
	}
	*pcmp = card->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(virtual_card);
