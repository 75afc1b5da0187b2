//! Closes a channel, only if it serves what was previewed.

use super::{Checked, StepContext, StepResult, StoreTools, changed_since, check_write_verify, note};
use crate::domain::charm::ChannelRow;
use crate::domain::{Base, Channel, CharmName};
use crate::plan::Serving;
use crate::run::progress::Phase;
use crate::services::charmhub::writer::ReleaseItem;

/// Returns what `channel` serves by base, sorted.
pub fn served(rows: &[ChannelRow], channel: &Channel) -> Vec<(Option<Base>, Serving)> {
    let mut served: Vec<_> = rows
        .iter()
        .filter(|row| &row.channel == channel)
        .map(|row| (row.base.clone(), Serving::of(row)))
        .collect();
    served.sort_by(|a, b| a.0.cmp(&b.0));
    served
}

/// Describes how `channel` differs from its state when this was planned; `None` if it does not
/// differ, or is already closed.
pub fn changed(rows: &[ChannelRow], channel: &Channel, before: &[(Option<Base>, Serving)]) -> Option<String> {
    let now = served(rows, channel);
    let mut before = before.to_vec();
    before.sort_by(|a, b| a.0.cmp(&b.0));
    if now.is_empty() || now == before {
        return None;
    }
    let words = |serving: &[(Option<Base>, Serving)]| {
        let words: Vec<String> = serving.iter().map(|(_, one)| one.to_string()).collect();
        if words.is_empty() {
            "closed".to_owned()
        } else {
            words.join(", ")
        }
    };
    Some(format!(
        "{channel} was {} at the preview and is {} now",
        words(&before),
        words(&now)
    ))
}

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    channel: Channel,
    before: Vec<(Option<Base>, Serving)>,
) -> StepResult {
    note(&work, Phase::Looking, "checking the channel");
    let items = [ReleaseItem {
        revision: None,
        channel: channel.clone(),
        resources: Vec::new(),
    }];
    let check = || async {
        let rows = tools.publisher.rows(&charm).await?;
        Ok(if let Some(text) = changed(&rows, &channel, &before) {
            let summary = format!("{charm} has changed since the preview: nothing was closed");
            Checked::Changed(changed_since(summary, [text]))
        } else if served(&rows, &channel).is_empty() {
            Checked::Wanted(())
        } else {
            Checked::Planned(())
        })
    };
    let write = |()| {
        note(&work, Phase::Sending, "closing");
        tools.writer.release(&charm, &items)
    };
    let result = check_write_verify(&work, None, check, write).await;
    result.ended(work.made)
}
