//! The parameters of actions in the palette.

/// A parameter of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// An upstream release.
    Release,
    /// A charm of the workspace.
    Charm,
    /// A resource of the charm before it.
    Resource,
    /// A charm revision of the charm before it, as a number.
    Revision,
    /// A channel of that charm that is open.
    OpenChannel,
    /// Any channel of that charm.
    Channel,
    /// A risk that a release can be promoted to.
    Risk,
    /// A run of the journal.
    Run,
    /// A session of the store.
    Session,
    /// A file, a digest or an image for the resource before it; may contain spaces.
    Content,
    /// An image by reference.
    Image,
}

impl Param {
    /// Returns its name, as in a synopsis.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "RELEASE",
            Self::Charm => "CHARM",
            Self::Resource => "RESOURCE",
            Self::Revision => "REVISION",
            Self::OpenChannel | Self::Channel => "CHANNEL",
            Self::Risk => "RISK",
            Self::Run => "RUN",
            Self::Session => "SESSION",
            Self::Content => "PATH|IMAGE",
            Self::Image => "IMAGE",
        }
    }
}
