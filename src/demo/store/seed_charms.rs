//! Lists the five charms of the Legend workspace with which the demo store begins.

/// Holds one charm of the workspace.
#[derive(Debug)]
pub struct Charm {
    /// Its name.
    pub name: &'static str,
    /// Its id.
    pub id: &'static str,
    /// Title for display.
    pub title: &'static str,
    /// Summary in one sentence.
    pub summary: &'static str,
    /// Its image resource.
    pub resource: &'static str,
    /// Key in the manifests, if its image is named by one.
    pub image: Option<&'static str>,
    /// First and last revision in the demo store.
    pub revisions: (u64, u64),
    /// Number of the newest resource revision.
    pub newest_resource: u64,
}

/// The five charms.
pub const CHARMS: [Charm; 5] = [
    Charm {
        name: "finos-legend-engine-k8s",
        id: "hT3kQpZ8vYc1LwXb6NfRj0uMs5GdAe2K",
        title: "FINOS Legend Engine",
        summary: "Executes and serves Legend models.",
        resource: "engine-image",
        image: Some("finos/legend-engine-server"),
        revisions: (44, 50),
        newest_resource: 32,
    },
    Charm {
        name: "finos-legend-sdlc-k8s",
        id: "Bn7Wq2LxVt9PzRf4KcJm8sYdHg3TuEa5",
        title: "FINOS Legend SDLC",
        summary: "Manages the life cycle of Legend models.",
        resource: "sdlc-image",
        image: Some("finos/legend-sdlc-server"),
        revisions: (43, 50),
        newest_resource: 30,
    },
    Charm {
        name: "finos-legend-studio-k8s",
        id: "ydBmjPqafc9RoYcAttbzpqZXvMliaXn3",
        title: "FINOS Legend Studio",
        summary: "Web editor for Legend models.",
        resource: "studio-image",
        image: Some("finos/legend-studio"),
        revisions: (24, 31),
        newest_resource: 29,
    },
    Charm {
        name: "finos-legend-gitlab-integrator-k8s",
        id: "Xc5Vb8Nm1Qa3Ws6Ed9Rf2Tg4Yh7Uj0Ik",
        title: "FINOS Legend GitLab Integrator",
        summary: "Provides GitLab details to the Legend charms.",
        resource: "legend-gitlab-noop-image",
        image: None,
        revisions: (30, 35),
        newest_resource: 2,
    },
    Charm {
        name: "finos-legend-db-k8s",
        id: "Mz4Xn8Cb2Va6Lq1Wk5Ej9Rh3Tg7Yf0Ud",
        title: "FINOS Legend DB",
        summary: "Provides database details to the Legend charms.",
        resource: "legend-db-image",
        image: None,
        revisions: (18, 23),
        newest_resource: 1,
    },
];
