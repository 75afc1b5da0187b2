//! Lists the sources that each view reads: no command waits for a service that its answer does not
//! need.

use crate::domain::Source;

/// A view of observed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every pane of the console.
    Console,
    /// `windlass status`.
    Status,
    /// `windlass releases`.
    Releases,
    /// `windlass channels`.
    Channels,
    /// `windlass charms`.
    Charms,
    /// `windlass diff RELEASE RELEASE`.
    ReleaseDiff,
    /// Plans that start from everything about releases and channels: `publish --new`, `promote`,
    /// `rollback`, `hold`.
    Planning,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 7] = [
        Self::Console,
        Self::Status,
        Self::Releases,
        Self::Channels,
        Self::Charms,
        Self::ReleaseDiff,
        Self::Planning,
    ];

    /// Returns the sources that the view reads. A view that names [`Source::ReleaseNames`] without
    /// [`Source::Releases`] reads the releases only if the known names are old or incomplete.
    pub const fn sources(self) -> &'static [Source] {
        use Source::{
            Channels, Charms, GitHubAccount, Holds, Logins, Markers, ReleaseNames, Releases, ResourceImages,
            Secrets, Sessions, StoreAccount,
        };
        match self {
            Self::Console => &[
                Releases,
                Markers,
                Holds,
                StoreAccount,
                GitHubAccount,
                Charms,
                Channels,
                ResourceImages,
                ReleaseNames,
                Secrets,
                Sessions,
                Logins,
            ],
            Self::Status => &[
                Releases,
                Markers,
                Holds,
                StoreAccount,
                GitHubAccount,
                Charms,
                Channels,
                ResourceImages,
                ReleaseNames,
                Sessions,
            ],
            Self::Planning => &[
                Releases,
                Markers,
                Holds,
                StoreAccount,
                GitHubAccount,
                Charms,
                Channels,
                ResourceImages,
                ReleaseNames,
            ],
            Self::Releases => &[
                Releases,
                Markers,
                Holds,
                Charms,
                Channels,
                ResourceImages,
                ReleaseNames,
            ],
            Self::Channels => &[Charms, Channels, ResourceImages, ReleaseNames],
            Self::Charms => &[Charms, ResourceImages, ReleaseNames],
            Self::ReleaseDiff => &[Releases],
        }
    }

    /// Returns true if the view reads `source`.
    pub fn reads(self, source: Source) -> bool {
        self.sources().contains(&source)
    }
}
