//! Describes an action: its texts, scope, default keys, availability and what it does.

use super::id::ActionId;
use super::param::Param;
use super::scope::Scope;
use crate::console::Model;
use crate::console::effect::Effect;
use crate::console::panes::spec::PaneSpec;
use crate::plan::Risk;

/// Whether an action is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It does not apply here.
    Hidden,
    /// It is not available, for this reason.
    Disabled(&'static str),
    /// It is available.
    Enabled,
}

/// Everything known about an action.
pub struct ActionSpec {
    /// Its id.
    pub id: ActionId,
    /// Its title, in a few words, for footer and help.
    pub title: &'static str,
    /// Its help, one sentence.
    pub help: &'static str,
    /// The scope it applies in.
    pub scope: Scope,
    /// Its default keys, the displayed one first. The [`super::Keymap`] has the current ones.
    pub keys: &'static [&'static str],
    /// Its order in the footer, lowest first; `None` if it is not shown there.
    pub footer: Option<u8>,
    /// Its impact.
    pub risk: Risk,
    /// Whether it is available now, and why not.
    pub availability: fn(&Model) -> Availability,
    /// Does it.
    pub run: fn(&mut Model) -> Vec<Effect>,
    /// The equivalent command.
    pub twin: Option<&'static str>,
    /// Returns the service's own reason why it is not available.
    pub detail: Option<fn(&Model) -> Option<String>>,
    /// Returns the current value of a word of the equivalent command.
    pub fill: fn(&Model, &str) -> Option<String>,
    /// True if it must have a key: quitting, and the ways on and out of every dialog and screen.
    pub needed: bool,
    /// An action that may have the same key because one of the two is always hidden.
    pub shares: Option<ActionId>,
    /// Arguments it accepts after its name in the palette, in place of the selection.
    pub takes: &'static [Param],
}

impl std::fmt::Debug for ActionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}

impl ActionSpec {
    /// Returns whether it is available from here: an action on a row of a pane needs that pane.
    pub fn standing(&self, model: &Model) -> Availability {
        let pane = model
            .pane_of(self.scope)
            .filter(|_| model.screen_scope() != self.scope);
        match ((self.availability)(model), pane) {
            (Availability::Hidden, _) => Availability::Hidden,
            (_, Some(pane)) => Availability::Disabled(pane.first),
            (availability, None) => availability,
        }
    }
}

/// Returns the scopes of `parts` that can be the narrowest one.
pub fn narrowest(parts: &'static [&'static FeatureActions]) -> impl Iterator<Item = Scope> {
    let all = || parts.iter().flat_map(|part| part.scopes).copied();
    let wide =
        move |scope: Scope| scope == Scope::ALWAYS || all().any(|other| other.wider().contains(&scope));
    all().filter(move |scope| !wide(*scope))
}

/// The actions of a feature, with the scopes that it declares.
#[derive(Debug)]
pub struct FeatureActions {
    /// The scopes, in the order of the key page.
    pub scopes: &'static [Scope],
    /// The pane, if the feature is one.
    pub pane: Option<&'static PaneSpec>,
    /// The actions. Where two of one scope share a key, the first that is not hidden gets it.
    pub actions: &'static [ActionSpec],
}

/// Says why nothing may be written.
pub const READ_ONLY: &str = "read-only: start without --read-only to make changes";

const OFFLINE: &str = "offline: start without --offline to contact services";

/// For actions that are always available.
pub const fn always(_: &Model) -> Availability {
    Availability::Enabled
}

/// Required by every action that contacts a service.
pub const fn online(model: &Model) -> Availability {
    if model.setting.offline {
        Availability::Disabled(OFFLINE)
    } else {
        Availability::Enabled
    }
}

/// Like [`online`], unless there is another reason against it.
pub fn online_unless(model: &Model, reason: Option<&'static str>) -> Availability {
    reason.map_or_else(|| online(model), Availability::Disabled)
}

/// Declares the actions of a feature: their ids and its part of the table.
///
/// `run` names a function that returns effects, `change` one that returns nothing.
macro_rules! actions {
    ([$($declared:expr),* $(,)?] $(, pane $pane:path)?;
     $($id:ident = $name:literal in $scope:expr, $keys:expr, $title:literal, $help:literal,
       $how:ident $run:expr
       $(, footer $rank:literal)? $(, if $available:path)? $(, risk $risk:ident)? $(, twin $twin:literal)? $(, fill $fill:path)? $(, detail $detail:path)?
       $(, needed $needed:literal)? $(, shares $other:ident)? $(, takes $takes:expr)?;)*) => {
        impl ActionId {
            $(
                #[allow(missing_docs, reason = "its title and help are in the table")]
                pub const $id: Self = Self::new($name);
            )*
        }

        /// The scopes and actions.
        pub static ACTIONS: FeatureActions = FeatureActions {
            scopes: &[$($declared),*],
            pane: actions!(@pane $($pane)?),
            actions: &[$(ActionSpec {
                id: ActionId::$id,
                title: $title,
                help: $help,
                scope: $scope,
                keys: &$keys,
                footer: actions!(@footer $($rank)?),
                risk: actions!(@risk $($risk)?),
                availability: actions!(@if $($available)?),
                run: actions!(@run $how $run),
                twin: actions!(@twin $($twin)?),
                detail: actions!(@detail $($detail)?),
                fill: actions!(@fill $($fill)?),
                needed: actions!(@needed $($needed)?),
                shares: actions!(@shares $($other)?),
                takes: actions!(@takes $($takes)?),
            }),*],
        };
    };
    (@pane $pane:path) => { Some(&$pane) };
    (@pane) => { None };
    (@footer $rank:literal) => { Some($rank) };
    (@footer) => { None };
    (@risk $risk:ident) => { Risk::$risk };
    (@risk) => { Risk::Read };
    (@if $available:path) => { $available };
    (@if) => { always };
    (@run run $run:expr) => { $run };
    (@run change $change:expr) => {
        |model| {
            $change(model);
            Vec::new()
        }
    };
    (@twin $twin:literal) => { Some($twin) };
    (@twin) => { None };
    (@detail $detail:path) => { Some($detail) };
    (@detail) => { None };
    (@fill $fill:path) => { $fill };
    (@fill) => { |_, _| None };
    (@needed $needed:literal) => { $needed };
    (@needed) => { false };
    (@shares $other:ident) => { Some(ActionId::$other) };
    (@shares) => { None };
    (@takes $takes:expr) => { &$takes };
    (@takes) => { &[] };
}

pub(in crate::console) use actions;
