/* A sound card for tests, as an alsa-lib ioplug plugin without thread or daemon.
 * A card is a directory. `microphone.pcm` is what its microphones hear and `speaker.pcm` what its
 * loudspeakers emit, frame by frame since the card's origin; CLOCK_MONOTONIC alone moves it on.
 * Playback lays each frame down where it will become audible, and takes back what was not audible
 * yet when the stream stops: the past of `speaker.pcm` is exactly what a person has heard. */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <math.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#define SECOND_NS INT64_C(1000000000)
enum { MICROPHONE, SPEAKER, PLAN, EVENTS, RESPONSE, FILES };
static const char *const files[] = {"microphone.pcm", "speaker.pcm", "card", "events", "response"};

struct card {
    snd_pcm_ioplug_t io;
    struct {                  /* the file `card`, as VirtualCard writes it */
        int64_t frame[2];     /* bytes: of all microphones, of all loudspeakers */
        int64_t sample;       /* bytes: 2 or 4 */
        int64_t rate;         /* frames per second as the card claims them */
        int64_t length;       /* frames; past it nothing is recorded, and there is silence */
        int64_t origin_ns;    /* CLOCK_MONOTONIC at which index 0 begins */
        int64_t echo_frames;  /* from the loudspeakers to the microphones */
        int64_t frozen;       /* the index at which the card's clock stands still; 0: it runs */
        int64_t slept;        /* the machine was asleep at this index: streams from before end */
        double echo_gain;     /* of each loudspeaker, in each microphone */
        double pace;          /* frames per ns of CLOCK_MONOTONIC: with drift and compression */
        double echo_drift;    /* frames the echo comes earlier, with each frame */
        double echo_clip;     /* what the loudspeaker cannot exceed, 1 is full scale; 0: nothing */
        int64_t taps;         /* of the room's response, float for each microphone, newest last */
    } plan;
    int line, fd[FILES]; /* line: of this stream, MICROPHONE or SPEAKER */
    int64_t base;        /* index of the stream's frame 0; 0 while the stream stands still */
    char *frames;        /* a longest buffer; until playback starts, what it shall start with */
    float *played, *air; /* the loudspeakers: a longest buffer and a response more; in the room */
    float *response;
};

/* Frames that have been in the air since the card's origin. */
static double present(const struct card *card)
{
    struct timespec now;
    if (card->plan.frozen)
        return card->plan.frozen;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec * SECOND_NS + now.tv_nsec - card->plan.origin_ns) * card->plan.pace;
}

/* A line of the log from which a test knows when a direction was open. */
static void note(const struct card *card, const char *what)
{
    dprintf(card->fd[EVENTS], "%.6f %d %s\n", present(card), card->line, what);
}

static int emit(const struct card *card, int64_t index, const void *from, int64_t count)
{
    int64_t frame = card->plan.frame[SPEAKER], left = card->plan.length - index;
    ssize_t bytes = (count < left ? count : left) * frame;
    return bytes > 0 && pwrite(card->fd[SPEAKER], from, bytes, index * frame) != bytes ? -EIO : 0;
}

static int recall(const struct card *card, int line, int64_t index, void *frames, int64_t count)
{
    int64_t frame = card->plan.frame[line];
    memset(frames, 0, count * frame); /* past the record there is silence */
    return pread(card->fd[line], frames, count * frame, index * frame) < 0 ? -EIO : 0;
}

static double sample(const struct card *card, const void *samples, int64_t i)
{
    return card->plan.sample == 4 ? ((const int32_t *)samples)[i] : ((const int16_t *)samples)[i];
}

/* What the loudspeakers sound like together at an index: not more than they can. */
static double sounding(const struct card *card, const void *frames, int64_t i)
{
    int64_t speakers = card->plan.frame[SPEAKER] / card->plan.sample;
    double sum = 0, most = card->plan.echo_clip * (card->plan.sample == 4 ? INT32_MAX : INT16_MAX);
    for (int64_t k = i * speakers; k < (i + 1) * speakers; k++)
        sum += sample(card, frames, k);
    double driven = most > 0 ? sum / speakers / most : 0;
    return sum / sqrt(1 + driven * driven);
}

/* The loudspeakers as the microphones' clock sees them: at so many of its indexes, the delay gone
 * by. Between two frames of theirs a cubic goes through the four around. */
static int spread(const struct card *card, int64_t index, float *air, int64_t count)
{
    const double drift = card->plan.echo_drift, begin = index - card->plan.echo_frames;
    const int64_t first = floor(begin + index * drift) - 1;
    const int64_t last = floor(begin + count + (index + count) * drift) + 3;
    if (recall(card, SPEAKER, first, card->frames, last - first) < 0)
        return -EIO;
    for (int64_t i = 0; i < last - first; i++)
        card->played[i] = sounding(card, card->frames, i);
    for (int64_t i = 0; i < count; i++) {
        double at = begin + i + (index + i) * drift - first, t = at - floor(at);
        const float *around = card->played + (int64_t)at - 1;
        air[i] = around[0] * -t * (t - 1) * (t - 2) / 6 + around[1] * (t * t - 1) * (t - 2) / 2
                 - around[2] * t * (t + 1) * (t - 2) / 2 + around[3] * t * (t * t - 1) / 6;
    }
    return 0;
}

/* What comes of it by all ways through the room; the compiler may add up in any order. */
__attribute__((optimize("O3", "fast-math")))
static float arriving(const float *air, const float *response, int64_t taps)
{
    float sum = 0;
    for (int64_t i = 0; i < taps; i++)
        sum += air[i] * response[i];
    return sum;
}

/* What the microphones pick up: what was said, and the echo through the room. */
static int hear(const struct card *card, int64_t index, void *frames, int64_t count)
{
    int64_t microphones = card->plan.frame[MICROPHONE] / card->plan.sample;
    int64_t taps = card->plan.taps;
    int err = recall(card, MICROPHONE, index, frames, count);
    if (card->plan.echo_gain == 0 || err)
        return err;
    err = spread(card, index - taps + 1, card->air, count + taps - 1);
    for (int64_t i = 0; i < count * microphones; i++) {
        const float *response = card->response + i % microphones * taps;
        double echo = arriving(card->air + i / microphones, response, taps);
        double mixed = sample(card, frames, i) + card->plan.echo_gain * echo;
        if (card->plan.sample == 4)
            ((int32_t *)frames)[i] = fmin(fmax(rint(mixed), INT32_MIN), INT32_MAX);
        else
            ((int16_t *)frames)[i] = fmin(fmax(rint(mixed), INT16_MIN), INT16_MAX);
    }
    return err;
}

/* Make the descriptor readable when a program that has come to `appl` shall go on: as on hardware
 * at a period boundary, with a whole period to move. A blocked read, which alsa-lib lets begin with
 * less, wants the rest of its period; a drain, the end. */
static void arm(const struct card *card, int64_t appl)
{
    const snd_pcm_ioplug_t *io = &card->io;
    int blocked_read = card->line == MICROPHONE && !io->nonblock;
    snd_pcm_uframes_t period = io->period_size, begun = blocked_read ? appl % period : 0;
    int64_t wanted = io->state == SND_PCM_STATE_DRAINING ? io->buffer_size : period - begun;
    int64_t at = appl - (card->line == SPEAKER ? io->buffer_size : 0) + wanted + period - 1;
    at -= at % (int64_t)period;
    /* While the stream stands still: at once; or never, when first the program has to act. */
    int64_t instant = io->state != SND_PCM_STATE_PREPARED || at <= (int64_t)io->hw_ptr;
    if (card->base && card->plan.frozen)
        instant = 0;
    else if (card->base)
        instant = card->plan.origin_ns + ceil((card->base + at) / card->plan.pace) + 1;
    struct itimerspec timer = {.it_value = {instant / SECOND_NS, instant % SECOND_NS}};
    timerfd_settime(io->poll_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Let the stream stand still, and take back what is not audible yet: nothing is beyond a buffer. */
static int card_stop(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    int64_t index = present(card), count = card->line == SPEAKER ? io->buffer_size : 0;
    if (!card->base)
        return 0;
    card->base = 0;
    note(card, io->state == SND_PCM_STATE_XRUN ? "xrun" :
               io->state == SND_PCM_STATE_SUSPENDED ? "suspend" :
               io->state == SND_PCM_STATE_DISCONNECTED ? "unplug" : "stop");
    memset(card->frames, 0, count * card->plan.frame[SPEAKER]);
    return emit(card, index, card->frames, count);
}

/* The frames that passed the converter, unless the card is gone or the program came too late. */
static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    struct stat plan; /* unplugging deletes it: plugged in again, the card has another one */
    int gone = fstat(card->fd[PLAN], &plan) < 0 || plan.st_nlink == 0;
    if (!gone) /* what the card suffers is written into it while it is in use */
        gone = pread(card->fd[PLAN], &card->plan, sizeof(card->plan), 0) != sizeof(card->plan);
    if (!gone && card->base && card->base < card->plan.slept) {
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_SUSPENDED);
        card_stop(io);
    }
    if (!gone && io->state == SND_PCM_STATE_SUSPENDED)
        return -ESTRPIPE;
    int64_t at = card->base ? present(card) - card->base : (int64_t)io->hw_ptr;
    int late = card->base && io->state != SND_PCM_STATE_DRAINING
               && snd_pcm_ioplug_avail(io, at, io->appl_ptr) >= io->buffer_size;
    if (gone || late) {
        snd_pcm_ioplug_set_state(io, gone ? SND_PCM_STATE_DISCONNECTED : SND_PCM_STATE_XRUN);
        card_stop(io);
    }
    return gone ? -ENODEV : io->state == SND_PCM_STATE_XRUN ? -EPIPE : at;
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    struct card *card = io->private_data;
    char *frames = (char *)areas->addr + (areas->first + offset * areas->step) / 8;
    int64_t at = card_pointer(io), frame = card->plan.frame[SPEAKER], err = at < 0 ? at : 0;
    if (!err && card->line == MICROPHONE)
        err = hear(card, card->base + io->appl_ptr, frames, size);
    else if (!err && card->base)
        err = emit(card, card->base + io->appl_ptr, frames, size);
    else if (!err)
        memcpy(card->frames + (io->appl_ptr - at) * frame, frames, size * frame);
    arm(card, io->appl_ptr + size);
    return err ? err : (int64_t)size;
}

static int card_start(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    if (card_pointer(io) < 0)
        return -ENODEV;
    card->base = present(card);
    note(card, "start");
    arm(card, io->appl_ptr);
    return emit(card, card->base, card->frames, io->appl_ptr); /* nothing, of a capture */
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
    int err = card_stop(io);
    arm(io->private_data, 0);
    return card_pointer(io) == -ENODEV ? -ENODEV : err;
}

static int card_poll(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned n, unsigned short *revents)
{
    struct card *card = io->private_data;
    int failed = card_pointer(io) < 0 || io->state <= SND_PCM_STATE_SETUP;
    int ready = failed || (n && fds->revents); /* the timer knows */
    *revents = (failed ? POLLERR : 0) | (!ready ? 0 : card->line == SPEAKER ? POLLOUT : POLLIN);
    if (!failed)
        arm(card, io->appl_ptr);
    return 0;
}

static int card_close(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    if (card->frames) /* it was open */
        note(card, "close");
    for (int i = 0; i < FILES; i++)
        close(card->fd[i]);
    close(io->poll_fd);
    free(card->frames);
    free(card->played);
    free(card->air);
    free(card->response);
    free(card);
    return 0;
}

/* Open its files, and grant its own parameters only: who wants something else needs `plug`. */
static int equip(snd_pcm_ioplug_t *io, const char *directory)
{
    struct card *card = io->private_data;
    int room = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < FILES; i++)
        card->fd[i] = openat(room, files[i], O_RDWR | O_CLOEXEC | (i == EVENTS ? O_APPEND : 0));
    close(room);
    if (read(card->fd[PLAN], &card->plan, sizeof(card->plan)) != sizeof(card->plan))
        return -ENODEV;
    if (flock(card->fd[card->line], LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno; /* one stream at a time, as on hardware */
    unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
    unsigned format = card->plan.sample == 4 ? SND_PCM_FORMAT_S32 : SND_PCM_FORMAT_S16;
    unsigned channels = card->plan.frame[card->line] / card->plan.sample, rate = card->plan.rate;
    unsigned ms = rate * card->plan.frame[card->line] / 1000;
    int err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, access)
        | snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, &format)
        | snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, &channels)
        | snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_RATE, 1, &rate)
        | snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 5 * ms, 100 * ms)
        | snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 10 * ms, 1000 * ms);
    size_t longest = 2 * rate + 8, width = sizeof(float);
    size_t response = card->plan.taps * card->plan.frame[MICROPHONE] / card->plan.sample * width;
    card->frames = calloc(longest, card->plan.frame[MICROPHONE] + card->plan.frame[SPEAKER]);
    card->played = calloc(longest, width);
    card->air = calloc(longest, width);
    card->response = malloc(response);
    note(card, "open");
    if (!card->frames || !card->played || !card->air || !card->response)
        return -ENOMEM;
    return read(card->fd[RESPONSE], card->response, response) == (ssize_t)response ? err : -EIO;
}

SND_PCM_PLUGIN_DEFINE_FUNC(virtual_card)
{
    static const snd_pcm_ioplug_callback_t callbacks = {
        .start = card_start, .stop = card_stop, .prepare = card_prepare, .pointer = card_pointer,
        .transfer = card_transfer, .poll_revents = card_poll, .close = card_close,
    };
    (void)root;
    const char *directory = "";
    snd_config_t *node;
    if (snd_config_search(conf, "directory", &node) >= 0)
        snd_config_get_string(node, &directory);
    struct card *card = malloc(sizeof(*card));
    if (!card)
        return -ENOMEM;
    *card = (struct card){
        .line = stream == SND_PCM_STREAM_PLAYBACK ? SPEAKER : MICROPHONE,
        .fd = {-1, -1, -1, -1, -1},
        .io.version = SND_PCM_IOPLUG_VERSION, .io.name = "virtual card", .io.callback = &callbacks,
        .io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA,
        .io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
        .io.poll_events = POLLIN, .io.private_data = card, .io.nonblock = mode & SND_PCM_NONBLOCK,
    };
    int err = snd_pcm_ioplug_create(&card->io, name, stream, mode);
    if (!err)
        err = equip(&card->io, directory);
    if (!err)
        *pcmp = card->io.pcm;
    else
        card->io.pcm ? snd_pcm_ioplug_delete(&card->io) : card_close(&card->io);
    return err;
}
SND_PCM_PLUGIN_SYMBOL(virtual_card);
