/* The lower bound: what the job costs when nothing stands between poll(), alsa-lib and the socket.
 * `lowbound ws://127.0.0.1:PORT/PATH` streams the microphone in 40 ms appends, plays what is
 * answered, falls silent when the server hears somebody and says how much was heard. The microphone
 * is kept while the server is away. It trusts its server: no TLS, no JSON parser, no fragments. */
#include <alsa/asoundlib.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/random.h>

enum {
    RATE = 24000,
    PERIOD = RATE / 50,
    CHUNK = 2 * PERIOD,
    PERIODS = 8,
    KEPT = 30 * RATE,    /* frames of microphone while the server is away */
    HELD = 120 * RATE,   /* frames of answers not yet played */
    RETRY_MS = 100,
    LARGEST = 4 << 20,
};

static snd_pcm_t *microphone, *speaker;
static int16_t kept[KEPT], held[HELD];     /* rings, counted from the start of the program */
static int64_t captured, sent, received, played, item_begins;
static char item[128];                     /* of the newest delta */
static char inbox[LARGEST];
static size_t filled;
static int wire = -1;
static bool configured;                    /* the server has taken our settings */

static void must(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "lowbound: %s: %s\n", what, snd_strerror(result));
    exit(1);
}

static snd_pcm_t *open_pcm(const char *name, snd_pcm_stream_t way, snd_pcm_uframes_t period)
{
    snd_pcm_t *pcm;
    snd_pcm_hw_params_t *hard;
    snd_pcm_hw_params_alloca(&hard);
    must(snd_pcm_open(&pcm, name, way, SND_PCM_NONBLOCK), name);
    snd_pcm_hw_params_any(pcm, hard);
    must(snd_pcm_hw_params_set_access(pcm, hard, SND_PCM_ACCESS_RW_INTERLEAVED), "access");
    must(snd_pcm_hw_params_set_format(pcm, hard, SND_PCM_FORMAT_S16_LE), "format");
    must(snd_pcm_hw_params_set_channels(pcm, hard, 1), "channels");
    must(snd_pcm_hw_params_set_rate(pcm, hard, RATE, 0), "rate");
    must(snd_pcm_hw_params_set_period_size(pcm, hard, period, 0), "period");
    must(snd_pcm_hw_params_set_periods(pcm, hard, PERIODS, 0), "periods");
    must(snd_pcm_hw_params(pcm, hard), "hw_params");
    return pcm;
}

static void hang_up(void)
{
    close(wire);
    wire = -1;
    filled = 0;
    configured = false;
}

static void write_all(const void *data, size_t size)
{
    for (size_t at = 0; wire >= 0 && at < size;) {
        ssize_t done = send(wire, (const char *)data + at, size - at, MSG_NOSIGNAL);
        if (done <= 0)
            hang_up();
        else
            at += done;
    }
}

/* One whole masked frame (RFC 6455, 5.2). */
static void send_frame(int opcode, const char *payload, uint16_t size)
{
    static uint8_t frame[8 + UINT16_MAX];
    uint8_t wide[] = {0x80 | opcode, 0x80 | 126, size >> 8, size};
    uint8_t small[] = {0x80 | opcode, 0x80 | size};
    size_t head = size < 126 ? sizeof(small) : sizeof(wide);
    memcpy(frame, size < 126 ? small : wide, head);
    uint8_t *mask = frame + head, *body = mask + 4;
    must(getrandom(mask, 4, 0) == 4 ? 0 : -EIO, "getrandom");
    for (size_t i = 0; i < size; i++)
        body[i] = payload[i] ^ mask[i & 3];
    write_all(frame, head + 4 + size);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *encode(char *to, const uint8_t *from, size_t size) /* size: a multiple of 3 */
{
    for (size_t i = 0; i < size; i += 3, to += 4) {
        uint32_t bits = from[i] << 16 | from[i + 1] << 8 | from[i + 2];
        for (int k = 0; k < 4; k++)
            to[k] = alphabet[bits >> (18 - 6 * k) & 63];
    }
    return to;
}

/* base64 up to the closing quote, into the ring of answers. */
static void decode(const char *from)
{
    static int8_t values[256];
    static uint64_t place;
    uint32_t bits = 0, count = 0;
    if (!values['B'])
        for (int i = 0; i < 64; i++)
            values[(uint8_t)alphabet[i]] = i;
    for (; *from != '"' && *from != '='; from++) {
        bits = bits << 6 | values[(uint8_t)*from];
        count += 6;
        if (count >= 8)
            ((uint8_t *)held)[place++ % sizeof(held)] = bits >> (count -= 8);
    }
    received = place / 2;
}

/* The text after `"name": "`, or "": every server event is flat enough for this. */
static const char *field(const char *text, const char *name)
{
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "\"%s\"", name);
    const char *found = strstr(text, wanted);
    return found ? found + strlen(wanted) + strspn(found + strlen(wanted), " :\"") : "";
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static void cut(void)
{
    snd_pcm_sframes_t delay = 0;
    char text[320];
    bool sounds = snd_pcm_delay(speaker, &delay) == 0 && delay > 0;
    snd_pcm_drop(speaker);
    snd_pcm_prepare(speaker);
    int64_t heard = played - delay - item_begins;
    played = received;
    if (!sounds || heard < 0)
        return;
    snprintf(text, sizeof(text), "{\"type\":\"conversation.item.truncate\",\"item_id\":\"%s\","
             "\"content_index\":0,\"audio_end_ms\":%lld}", item, (long long)heard / (RATE / 1000));
    send_frame(1, text, strlen(text));
}

static const char settings[] = "{\"type\":\"session.update\",\"session\":{\"type\":\"realtime\","
                               "\"audio\":{\"input\":{\"turn_detection\":{\"type\":"
                               "\"semantic_vad\"}}}}}";

static void obey(const char *text)
{
    const char *kind = field(text, "type");
    if (begins(kind, "response.output_audio.delta\"")) {
        const char *id = field(text, "item_id");
        size_t size = strcspn(id, "\"");
        if (size < sizeof(item) && (strncmp(id, item, size) || item[size])) {
            snprintf(item, sizeof(item), "%.*s", (int)size, id);
            item_begins = received;
        }
        decode(field(text, "delta"));
    } else if (begins(kind, "input_audio_buffer.speech_started\"")) {
        cut();
    } else if (begins(kind, "session.created\"")) {
        send_frame(1, settings, strlen(settings));
    } else if (begins(kind, "session.updated\"")) {
        configured = true;
    }
}

/* Every whole frame that has arrived; servers do not mask theirs. */
static void receive(void)
{
    ssize_t came = recv(wire, inbox + filled, sizeof(inbox) - filled - 1, 0);
    size_t at = 0;
    filled += came > 0 ? came : 0;
    if (came <= 0)
        hang_up();
    while (wire >= 0 && filled - at >= 2) {
        const uint8_t *head = (uint8_t *)inbox + at;
        int wide = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
        uint64_t size = wide ? 0 : head[1];
        if (filled - at < 2u + wide)
            break;
        for (int i = 0; i < wide; i++)
            size = size << 8 | head[2 + i];
        if (filled - at < 2 + wide + size)
            break;
        char *payload = inbox + at + 2 + wide, after = payload[size];
        payload[size] = 0;
        if (head[0] == 0x81)
            obey(payload);
        else if (head[0] == 0x89)
            send_frame(10, payload, size);
        payload[size] = after;
        at += 2 + wide + size;
    }
    if (wire >= 0)
        memmove(inbox, inbox + at, filled -= at);
}

static void dial(const char *url)
{
    struct sockaddr_in there = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = 5};
    char host[64], path[200], text[600];
    unsigned short port;
    int now = 1;
    if (sscanf(url, "ws://%63[0-9.]:%hu%199s", host, &port, path) != 3)
        must(-EINVAL, url);
    inet_pton(AF_INET, host, &there.sin_addr);
    there.sin_port = htons(port);
    wire = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(wire, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
    setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(wire, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(wire, (struct sockaddr *)&there, sizeof(there)) < 0)
        hang_up();
    int size = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket"
                        "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIGxvd2VyIGJvdW5kIQ==\r\n\r\n", path, host, port);
    write_all(text, size);
    size = 0; /* byte by byte: what follows the head are frames already */
    while (wire >= 0 && (size < 4 || memcmp(text + size - 4, "\r\n\r\n", 4)))
        if (size == sizeof(text) - 1 || recv(wire, text + size++, 1, 0) != 1)
            hang_up();
    if (wire >= 0 && !begins(text, "HTTP/1.1 101"))
        hang_up();
}

static void listen_to_room(void)
{
    snd_pcm_sframes_t count;
    /* Whole chunks only: so they lie whole in the ring, and the card wakes us for the next. */
    while ((count = snd_pcm_avail(microphone)) >= CHUNK)
        captured += snd_pcm_readi(microphone, kept + captured % KEPT, CHUNK) == CHUNK ? CHUNK : 0;
    if (count == -EPIPE) {
        snd_pcm_prepare(microphone);
        snd_pcm_start(microphone);
    } else {
        must(count, "microphone");
    }
    sent += captured - sent > KEPT - CHUNK ? CHUNK : 0; /* the oldest goes first */
}

static void send_chunks(void)
{
    static const char head[] = "{\"type\":\"input_audio_buffer.append\",\"audio\":\"";
    static char text[sizeof(head) + CHUNK * 2 / 3 * 4 + 1];
    for (; configured && captured - sent >= CHUNK; sent += CHUNK) {
        char *end = stpcpy(text, head);
        end = encode(end, (uint8_t *)(kept + sent % KEPT), CHUNK * 2);
        memcpy(end, "\"}", 2);
        send_frame(1, text, end + 2 - text);
    }
}

static void speak(void)
{
    while (played < received) {
        int64_t at = played % HELD, count = received - played;
        count = count < HELD - at ? count : HELD - at;
        snd_pcm_sframes_t taken = snd_pcm_writei(speaker, held + at, count);
        if (taken == -EPIPE)
            taken = snd_pcm_prepare(speaker);
        if (taken == -EAGAIN)
            break;
        must(taken, "speaker");
        played += taken;
    }
}

int main(int argc, char **argv)
{
    struct pollfd fds[3];
    if (argc != 2)
        must(-EINVAL, "usage: lowbound ws://ADDRESS:PORT/PATH");
    microphone = open_pcm("microphone", SND_PCM_STREAM_CAPTURE, CHUNK); /* one wake-up each */
    speaker = open_pcm("speaker", SND_PCM_STREAM_PLAYBACK, PERIOD);
    must(snd_pcm_start(microphone), "microphone");
    while (true) {
        if (wire < 0)
            dial(argv[1]);
        must(snd_pcm_poll_descriptors(microphone, &fds[0], 1), "poll");
        must(snd_pcm_poll_descriptors(speaker, &fds[1], 1), "poll");
        fds[1].fd = played < received ? fds[1].fd : -1; /* nothing to say: do not wake */
        fds[2] = (struct pollfd){.fd = wire, .events = POLLIN};
        must(poll(fds, 3, wire < 0 ? RETRY_MS : -1) < 0 ? -errno : 0, "poll");
        if (fds[2].revents)
            receive();
        if (fds[0].revents)
            listen_to_room();
        send_chunks();
        speak();
    }
}
