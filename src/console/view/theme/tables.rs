//! The colour tables of the themes; `tests.rs` beside it measures their contrast.

use super::depth::Rgb;

/// One colour per tone, and the backgrounds.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The background that the colours were chosen for; painted only if configured.
    pub backdrop: Rgb,
    /// Background of the selected row in the focused pane.
    pub selected: Rgb,
    /// Background of the selected row in another pane.
    pub idle: Rgb,
    /// Plain text.
    pub plain: Rgb,
    /// Less important.
    pub dim: Rgb,
    /// More important.
    pub strong: Rgb,
    /// Good.
    pub good: Rgb,
    /// Needs attention.
    pub warn: Rgb,
    /// Bad.
    pub bad: Rgb,
    /// New, or important now.
    pub accent: Rgb,
}

/// For dark backgrounds.
pub const DARK: Table = Table {
    backdrop: (0x16, 0x18, 0x1d),
    selected: (0x2b, 0x36, 0x47),
    idle: (0x22, 0x27, 0x2f),
    plain: (0xd7, 0xda, 0xe0),
    dim: (0x9a, 0xa1, 0xad),
    strong: (0xff, 0xff, 0xff),
    good: (0x7f, 0xd8, 0x8f),
    warn: (0xf0, 0xc6, 0x74),
    bad: (0xff, 0x8f, 0x96),
    accent: (0x7c, 0xc4, 0xff),
};

/// For light backgrounds.
pub const LIGHT: Table = Table {
    backdrop: (0xff, 0xff, 0xff),
    selected: (0xdf, 0xea, 0xfa),
    idle: (0xee, 0xf1, 0xf4),
    plain: (0x24, 0x29, 0x2f),
    dim: (0x59, 0x61, 0x6b),
    strong: (0x00, 0x00, 0x00),
    good: (0x0f, 0x5f, 0x27),
    warn: (0x7d, 0x4a, 0x00),
    bad: (0xa8, 0x12, 0x1b),
    accent: (0x0a, 0x4a, 0x9e),
};

/// For dark backgrounds; tones differ in lightness, or on the axis from blue to yellow, which
/// people with red-green colour blindness can see.
pub const COLORBLIND: Table = Table {
    good: (0x5e, 0xa9, 0xff),
    warn: (0xff, 0xe3, 0x4d),
    bad: (0xff, 0x85, 0x1a),
    accent: (0x6f, 0xdc, 0xff),
    ..DARK
};

/// The same for light backgrounds, where warnings are brown because orange is too bright to be
/// readable. All are colours of the 256, because their nearest neighbours would be too close to
/// each other.
pub const COLORBLIND_LIGHT: Table = Table {
    dim: (0x72, 0x75, 0x7a),
    good: (0x00, 0x5f, 0xd7),
    warn: (0x87, 0x5f, 0x00),
    bad: (0x87, 0x00, 0x00),
    accent: (0x00, 0x5f, 0x87),
    ..LIGHT
};
