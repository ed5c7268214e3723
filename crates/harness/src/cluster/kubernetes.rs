//! A sweep as an Indexed Job of Kubernetes, whose pods share a volume. Nothing is submitted.
//!
//! Every pod trains and evaluates what no other has; the first also computes costs, and when the
//! others are done it measures times and writes the report.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::slurm::quoted;
use crate::cli::KubernetesArgs;

/// Pods that share a sweep.
pub struct Pods<'a> {
    /// The program in the image; None: `ablate` on its PATH.
    pub program: Option<&'a Path>,
    /// The sweep's file, as pods see it.
    pub sweep: &'a Path,
    /// The folder of the results, as pods see it.
    pub out: &'a Path,
    /// The sweep's name.
    pub name: &'a str,
    /// How many.
    pub pods: usize,
    /// Whether trainings wait for others.
    pub waits: bool,
    /// Options of the command line.
    pub options: &'a KubernetesArgs,
}

/// Seconds that a pod has for its checkpoint.
const GRACE_S: u32 = 120;

/// How often a pod is started again that failed; preemption does not count.
const RETRIES: u32 = 5;

/// The longest name of a Job whose pods have names, with their index and five letters.
const LONGEST: usize = 50;

impl Pods<'_> {
    /// The Job, as `kubectl apply` takes it.
    ///
    /// # Errors
    /// An option that is missing, or a path outside the volume.
    pub fn yaml(&self) -> Result<String> {
        Ok(serde_yaml::to_string(&self.job()?)?)
    }

    fn job(&self) -> Result<Value> {
        let options = self.options;
        let image = options
            .image
            .as_ref()
            .context("--kubernetes: requires --image")?;
        let claim = options
            .claim
            .as_ref()
            .context("--kubernetes: requires --claim")?;
        let mount = options
            .mount
            .as_ref()
            .context("--kubernetes: requires --mount")?;
        for path in [self.sweep, self.out] {
            ensure!(
                path.starts_with(mount),
                "{}: expected a path below --mount {}, which pods see",
                path.display(),
                mount.display()
            );
        }
        let mut limits = serde_json::Map::new();
        if let Some(cpus) = options.cpus {
            limits.insert("cpu".into(), cpus.to_string().into());
        }
        if let Some(memory) = &options.memory {
            limits.insert("memory".into(), memory.as_str().into());
        }
        if let Some(gpus) = options.gpus {
            limits.insert("nvidia.com/gpu".into(), gpus.to_string().into());
        }
        // Without a limit, a pod has as many threads as its node: weights depend on the number.
        let threads = options.cpus.map_or(1, |cpus| cpus.get()).to_string();
        let variable = |name: &str| json!({ "name": name, "value": threads });
        let container = json!({
            "name": "ablate",
            "image": image,
            "command": ["/bin/sh", "-c", self.script()],
            "env": [variable("RAYON_NUM_THREADS"), variable("OMP_NUM_THREADS")],
            "resources": { "limits": limits, "requests": limits },
            "volumeMounts": [{ "name": "sweep", "mountPath": mount }],
        });
        Ok(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": job_name(self.name), "labels": { "app": "ablate" } },
            "spec": {
                "completionMode": "Indexed",
                "completions": self.pods,
                "parallelism": self.pods,
                "backoffLimitPerIndex": RETRIES,
                "maxFailedIndexes": self.pods,
                "podFailurePolicy": {
                    "rules": [{
                        "action": "Ignore",
                        "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
                    }],
                },
                "template": {
                    "metadata": { "labels": { "app": "ablate" } },
                    "spec": {
                        "restartPolicy": "Never",
                        "terminationGracePeriodSeconds": GRACE_S,
                        "containers": [container],
                        "volumes": [{
                            "name": "sweep",
                            "persistentVolumeClaim": { "claimName": claim },
                        }],
                    },
                },
            },
        }))
    }

    /// A cell that failed has its record, and fails no pod.
    fn script(&self) -> String {
        let program = self.program.map_or_else(|| "ablate".into(), quoted);
        let (sweep, out) = (quoted(self.sweep), quoted(self.out));
        let run = format!("run {program} run {sweep} --out {out} --keep-failed");
        let wait = if self.waits { "" } else { " --no-wait" };
        format!(
            r#"ended=
child=
trap 'ended=1; kill -TERM "$child" 2>/dev/null' TERM
run() {{
    [ -z "$ended" ] || exit 143
    "$@" &
    child=$!
    while wait "$child"; code=$?; kill -0 "$child" 2>/dev/null; do :; done
    [ "$code" -le 1 ] || exit "$code"
}}
if [ "$JOB_COMPLETION_INDEX" = 0 ]; then
    {run} --no-report --dry-run
    {run} --no-report --stages cost,train,eval
    {run}
else
    {run} --no-report --stages train,eval{wait}
fi
"#
        )
    }
}

/// As Kubernetes has names: small letters, digits and hyphens.
fn job_name(sweep: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    let name: String = format!("ablate-{sweep}")
        .chars()
        .map(plain)
        .take(LONGEST)
        .collect();
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn options() -> KubernetesArgs {
        KubernetesArgs {
            image: Some("registry/ablate:1".into()),
            claim: Some("shared".into()),
            mount: Some("/data".into()),
            gpus: NonZeroUsize::new(1),
            cpus: NonZeroUsize::new(8),
            memory: Some("32Gi".into()),
        }
    }

    fn job(options: &KubernetesArgs) -> Result<Value> {
        let pods = Pods {
            program: None,
            sweep: Path::new("/data/mine.yaml"),
            out: Path::new("/data/reports/mine"),
            name: "My_sweep.2",
            pods: 3,
            waits: false,
            options,
        };
        Ok(serde_yaml::from_str(&pods.yaml()?)?)
    }

    #[test]
    fn the_pods_share_a_volume() {
        let job = job(&options()).unwrap();
        assert_eq!(job["metadata"]["name"], "ablate-my-sweep-2");
        assert_eq!(job["spec"]["completions"], 3);
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(
            pod["volumes"][0]["persistentVolumeClaim"]["claimName"],
            "shared"
        );
        assert_eq!(
            pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"],
            "1"
        );
        let script = pod["containers"][0]["command"][2].as_str().unwrap();
        assert!(
            script.contains("--stages train,eval --no-wait\n"),
            "{script}"
        );
    }

    /// Every field is one of the API's, of the API's type, and none that it requires is missing. The
    /// fixture is made from the models of Kubernetes' own client.
    fn check(model: &str, value: &Value, schema: &Value) -> Result<(), String> {
        let wrong = || Err(format!("expected {model}, found {value}"));
        let inner = |prefix: &str, end: &str| model.strip_prefix(prefix)?.strip_suffix(end);
        if let Some(inner) = inner("list[", "]") {
            let Some(list) = value.as_array() else {
                return wrong();
            };
            return list
                .iter()
                .try_for_each(|value| check(inner, value, schema));
        }
        if let Some(inner) = inner("dict(str, ", ")") {
            let Some(map) = value.as_object() else {
                return wrong();
            };
            return map
                .values()
                .try_for_each(|value| check(inner, value, schema));
        }
        match model {
            "str" if value.is_string() => return Ok(()),
            "int" if value.is_u64() => return Ok(()),
            "str" | "int" => return wrong(),
            _ => {}
        }
        let (Some(fields), Some(object)) = (schema[model]["fields"].as_object(), value.as_object())
        else {
            return wrong();
        };
        for (key, value) in object {
            let kind = fields.get(key).and_then(Value::as_str);
            let kind = kind.ok_or_else(|| format!("{model} has no field {key}"))?;
            check(kind, value, schema).map_err(|error| format!("{key}: {error}"))?;
        }
        let required = schema[model]["required"].as_array().into_iter().flatten();
        let missing = required
            .filter_map(Value::as_str)
            .find(|key| !object.contains_key(*key));
        missing.map_or(Ok(()), |key| Err(format!("{model} requires {key}")))
    }

    #[test]
    fn the_api_knows_every_field() {
        let fixture = include_str!("../../tests/fixtures/kubernetes_job.json");
        let schema: Value = serde_json::from_str(fixture).unwrap();
        let job = job(&options()).unwrap();
        assert_eq!(check("V1Job", &job, &schema), Ok(()));

        let mut wrong = job.clone();
        wrong["spec"]["completions"] = "3".into();
        let error = check("V1Job", &wrong, &schema).unwrap_err();
        assert_eq!(error, "spec: completions: expected int, found \"3\"");
        let mut unknown = job.clone();
        unknown["spec"]["template"]["spec"]["restart"] = "Never".into();
        let error = check("V1Job", &unknown, &schema).unwrap_err();
        assert!(error.ends_with("V1PodSpec has no field restart"), "{error}");
        let mut missing = job;
        missing["spec"]["template"]["spec"] = json!({});
        let error = check("V1Job", &missing, &schema).unwrap_err();
        assert!(error.ends_with("V1PodSpec requires containers"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |change: fn(&mut KubernetesArgs)| {
            let mut options = options();
            change(&mut options);
            job(&options).unwrap_err().to_string()
        };
        assert!(without(|options| options.image = None).contains("requires --image"));
        assert!(without(|options| options.claim = None).contains("requires --claim"));
        let outside = without(|options| options.mount = Some("/other".into()));
        assert!(
            outside.contains("/data/mine.yaml: expected a path below --mount /other"),
            "{outside}"
        );
    }
}
