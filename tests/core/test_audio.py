from __future__ import annotations

import numpy as np
import pytest

from device.core.audio import (
    Format,
    Frames,
    MicBlock,
    frames_in,
    frames_of,
    silence,
    to_mono,
    whole_ms,
)


def interleaved(kind: str, *channels: list[int]) -> bytes:
    return np.array(channels, kind).T.tobytes()


def samples(pcm: bytes) -> list[int]:
    numbers: list[int] = np.frombuffer(pcm, "<i2").tolist()
    return numbers


def test_milliseconds_and_frames_agree_exactly() -> None:
    assert frames_of(20) == 480
    assert frames_of(40) == 960
    assert [whole_ms(Frames(frames)) for frames in (0, 23, 24, 47, 48)] == [0, 0, 1, 1, 2]


def test_a_length_is_rounded_down_never_up() -> None:
    for frames in range(0, 5000, 7):
        assert whole_ms(Frames(frames)) * 24 <= frames < (whole_ms(Frames(frames)) + 1) * 24


def test_silence_is_as_long_as_asked_and_zero() -> None:
    assert silence(Frames(480)) == bytes(960)
    assert frames_in(silence(Frames(480))) == 480


def test_a_block_knows_its_length() -> None:
    assert MicBlock(bytes(1920), 1.0).frames == 960


def test_a_format_says_what_it_is() -> None:
    assert str(Format(16000, 6, "S32_LE")) == "16000 Hz, 6 ch, S32_LE"
    assert Format(16000, 6, "S32_LE").frame_bytes == 24
    assert Format().frame_bytes == 2


def test_mono_of_sixteen_bits_passes_as_it_is() -> None:
    pcm = interleaved("<i2", [1, -2, 3])
    assert to_mono(pcm, Format(), (0,)) is pcm


@pytest.mark.parametrize("use", [0, 1, 5])
def test_one_channel_of_six_is_picked(use: int) -> None:
    channels = [[100 * channel, -100 * channel, channel] for channel in range(6)]
    pcm = interleaved("<i2", *channels)
    assert samples(to_mono(pcm, Format(channels=6), (use,))) == channels[use]


def test_several_channels_are_averaged() -> None:
    pcm = interleaved("<i2", [9, 9], [10, -10], [20, -20], [30, -30])
    assert samples(to_mono(pcm, Format(channels=4), (1, 2, 3))) == [20, -20]


def test_an_average_of_the_loudest_samples_does_not_overflow() -> None:
    pcm = interleaved("<i2", *([[32767, -32768]] * 8))
    assert samples(to_mono(pcm, Format(channels=8), tuple(range(8)))) == [32767, -32768]
    loud = interleaved("<i4", *([[2**31 - 1, -(2**31)]] * 8))
    form = Format(channels=8, sample="S32_LE")
    assert samples(to_mono(loud, form, tuple(range(8)))) == [32767, -32768]


def test_thirty_two_bits_keep_their_upper_half() -> None:
    pcm = interleaved("<i4", [7 << 16, -(7 << 16), (1 << 16) - 1], [0, 0, 0])
    assert samples(to_mono(pcm, Format(channels=2, sample="S32_LE"), (0,))) == [7, -7, 0]
    mono = interleaved("<i4", [7 << 16, -(7 << 16)])
    assert samples(to_mono(mono, Format(sample="S32_LE"), (0,))) == [7, -7]


def test_nothing_in_is_nothing_out() -> None:
    assert to_mono(b"", Format(channels=6), (0,)) == b""
    assert to_mono(b"", Format(channels=6), (0, 1)) == b""
