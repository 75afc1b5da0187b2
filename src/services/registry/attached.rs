//! Copies what is attached to an image: referrers, their own referrers, and the tags that cosign
//! gives to signatures, attestations and bills of materials.

use std::collections::{HashSet, VecDeque};

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::local_image::LocalImage;
use super::manifest::{Content, Manifest};
use super::manifest_source::ManifestSource;
use super::presence::into;
use super::referrers::{Descriptor, add_to_referrers, list, stand_in};
use super::request::ScopedEndpoint;
use super::resolve::{head_at, manifest_at};
use super::{Copied, CopyJob, CopySource, Registries, TagBefore, copy};
use crate::domain::image::{Reference, Repository};
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind};

/// Number of attachments of one image beyond which it is refused.
const MOST: usize = 1024;
/// Suffixes of the tags that cosign derives from a digest: `sha256-<hex>.sig`.
pub const COSIGN: [&str; 3] = [".sig", ".att", ".sbom"];

/// Holds what is attached to one manifest.
struct Attached {
    /// Its referrers.
    listed: Vec<Descriptor>,
    /// The manifests under cosign's tags.
    tagged: Vec<(String, ManifestDigest)>,
}

/// Returns a tag and the manifest it points to, if it exists.
async fn named(
    registries: &Registries,
    access: &ScopedEndpoint,
    repository: &Repository,
    tag: String,
) -> Result<Option<(String, ManifestDigest)>, Problem> {
    let head = head_at(registries, access, &repository.tagged(&tag)).await?;
    Ok(head.map(|head| (tag, head.digest)))
}

impl Attached {
    async fn to(
        registries: &Registries,
        source: &CopySource,
        subject: ManifestDigest,
    ) -> Result<Self, Problem> {
        let repository = match source {
            CopySource::Registry(repository) => repository,
            CopySource::Local(image) => return Ok(Self::in_image(image, subject)),
        };
        let access = registries.endpoint(repository)?.pull();
        let [signature, attestation, bill] = COSIGN.map(|end| format!("{}{end}", stand_in(subject)));
        let (listed, signature, attestation, bill) = futures_util::try_join!(
            list(registries, repository, subject),
            named(registries, &access, repository, signature),
            named(registries, &access, repository, attestation),
            named(registries, &access, repository, bill),
        )?;
        let tagged = [signature, attestation, bill].into_iter().flatten().collect();
        Ok(Self { listed, tagged })
    }

    fn in_image(image: &LocalImage, subject: ManifestDigest) -> Self {
        let mut attached = Self {
            listed: Vec::new(),
            tagged: Vec::new(),
        };
        for one in image.attached_to(subject) {
            match &one.tag {
                Some(tag) => attached.tagged.push((tag.clone(), one.digest)),
                None => attached.listed.push(Descriptor::new(one.digest, one.row.clone())),
            }
        }
        attached
    }

    fn digests(&self) -> impl Iterator<Item = ManifestDigest> + '_ {
        let listed = self.listed.iter().map(|one| one.digest);
        listed.chain(self.tagged.iter().map(|(_, digest)| *digest))
    }
}

/// Queues manifests whose attachments are to be read, each once.
struct Queue {
    waiting: VecDeque<ManifestDigest>,
    seen: HashSet<ManifestDigest>,
}

impl Queue {
    fn of(subjects: impl IntoIterator<Item = ManifestDigest>) -> Self {
        let mut queue = Self {
            waiting: VecDeque::new(),
            seen: HashSet::new(),
        };
        for subject in subjects {
            if queue.seen.insert(subject) {
                queue.waiting.push_back(subject);
            }
        }
        queue
    }

    /// Adds what was found; refuses more than [`MOST`].
    fn add(&mut self, found: &Attached) -> Result<(), Problem> {
        for digest in found.digests() {
            if self.seen.insert(digest) {
                self.waiting.push_back(digest);
            }
        }
        if self.seen.len() > MOST {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!("the image has more than {MOST} attachments, such as signatures"),
            )
            .hint("remove those that you do not need, then run the same command again"));
        }
        Ok(())
    }
}

/// Copies what is attached to the image of `job` and to its platforms.
pub(super) async fn follow(
    registries: &Registries,
    job: &CopyJob,
    manifests: &[Manifest],
    cancel: &CancellationToken,
) -> Result<Copied, Problem> {
    let source = &job.source;
    let mut all = Copied {
        digest: job.digest,
        bytes_sent: 0,
        bytes_skipped: 0,
        already: true,
    };
    let mut queue = Queue::of(subjects(manifests));
    while let Some(subject) = queue.waiting.pop_front() {
        let found = Attached::to(registries, source, subject).await?;
        queue.add(&found)?;
        for (tag, digest) in &found.tagged {
            keeps_theirs(registries, source, *digest, &job.destination.tagged(tag)).await?;
        }
        let mut wanted: Vec<(Option<String>, ManifestDigest)> = Vec::new();
        for one in &found.listed {
            wanted.push((None, one.digest));
        }
        for (tag, digest) in &found.tagged {
            wanted.push((Some(tag.clone()), *digest));
        }
        for (tag, digest) in wanted {
            let one = CopyJob {
                source: source.clone(),
                digest,
                destination: job.destination.clone(),
                tag,
                tag_before: TagBefore::Any,
                cut: Vec::new(),
                referrers: false,
            };
            // Their progress is not part of the image's progress, so it is dropped.
            let (events, _) = unbounded_channel();
            let copied = Box::pin(copy::run(registries, &one, events, cancel)).await?;
            all.bytes_sent += copied.bytes_sent;
            all.bytes_skipped += copied.bytes_skipped;
            all.already &= copied.already;
        }
        if !found.listed.is_empty() {
            add_to_referrers(registries, &job.destination, subject, found.listed).await?;
        }
    }
    Ok(all)
}

/// Refuses to move a tag of cosign's away from signatures that only the destination has: one
/// manifest holds all signatures of an image, one per layer.
async fn keeps_theirs(
    registries: &Registries,
    source: &CopySource,
    digest: ManifestDigest,
    there: &Reference,
) -> Result<(), Problem> {
    let to = registries.endpoint(&there.repository)?.push();
    let Some(head) = head_at(registries, &to, there).await? else {
        return Ok(());
    };
    if head.digest == digest {
        return Ok(());
    }
    let ours = ManifestSource::of(registries, source)?.manifest(digest).await?;
    let theirs = manifest_at(registries, &to, &there.repository, head.digest).await?;
    let layers = |manifest: &Manifest| -> HashSet<Digest> {
        match &manifest.content {
            Content::Image { layers, .. } => layers.iter().map(|layer| layer.digest).collect(),
            Content::Index(children) => children.iter().map(|child| child.digest.0).collect(),
        }
    };
    if layers(&theirs).is_subset(&layers(&ours)) {
        return Ok(());
    }
    let from = match source {
        CopySource::Registry(repository) => repository.to_string(),
        CopySource::Local(_) => "the local image".to_owned(),
    };
    Err(Problem::new(
        ProblemKind::Refused,
        format!("{there} contains signatures that {from} lacks: it was not replaced"),
    )
    .cause(format!("it is {}, the source has {digest}", head.digest))
    .hint("to replace it, copy the tag by name with windlass copy"))
}

/// Returns how many attachments of `subjects` the destination lacks.
pub(super) async fn missing(
    registries: &Registries,
    source: &CopySource,
    subjects: Vec<ManifestDigest>,
    destination: &Repository,
) -> Result<usize, Problem> {
    let to = into(registries, destination).await?;
    let mut missing = HashSet::new();
    let mut queue = Queue::of(subjects);
    while let Some(subject) = queue.waiting.pop_front() {
        let found = Attached::to(registries, source, subject).await?;
        queue.add(&found)?;
        for one in &found.listed {
            let there = head_at(registries, &to, &destination.at(one.digest)).await?;
            if there.is_none() {
                missing.insert(one.digest);
            }
        }
        for (tag, digest) in &found.tagged {
            let there = head_at(registries, &to, &destination.tagged(tag)).await?;
            if there.is_none_or(|head| head.digest != *digest) {
                missing.insert(*digest);
            }
        }
    }
    Ok(missing.len())
}

/// Returns the root and the images that run; attestations within an index are copied with it.
fn subjects(manifests: &[Manifest]) -> Vec<ManifestDigest> {
    let attests = |digest: ManifestDigest| {
        manifests
            .iter()
            .flat_map(Manifest::children)
            .any(|child| child.digest == digest && child.attestation)
    };
    let root = manifests.last().map(|root| root.digest);
    manifests
        .iter()
        .rev()
        .filter(|manifest| {
            Some(manifest.digest) == root
                || (matches!(manifest.content, Content::Image { .. }) && !attests(manifest.digest))
        })
        .map(|manifest| manifest.digest)
        .collect()
}
