//! `deploy/kubernetes.yaml`.

use std::{fs, time::Duration};

use conversation_service::{config::Config, health_probe};
use tempfile::tempdir;
use yaml_rust2::{Yaml, YamlLoader};

use super::{config, read};
use crate::support::process::program;

const MANIFESTS: &str = "deploy/kubernetes.yaml";

/// The one object of a kind.
fn object(text: &str, kind: &str) -> Yaml {
    let objects = YamlLoader::load_from_str(text).expect("the file is YAML");
    let found = objects
        .into_iter()
        .find(|object| text_of(&object["kind"]) == kind);
    found.unwrap_or_else(|| panic!("there is a {kind}"))
}

fn pod(text: &str) -> Yaml {
    object(text, "Deployment")["spec"]["template"]["spec"].clone()
}

/// The one container that serves.
fn container(text: &str) -> Yaml {
    let containers = &pod(text)["containers"];
    assert_eq!(list(containers).len(), 1);
    containers[0].clone()
}

fn text_of(yaml: &Yaml) -> &str {
    yaml.as_str()
        .unwrap_or_else(|| panic!("a text, not {yaml:?}"))
}

fn number(yaml: &Yaml) -> i64 {
    yaml.as_i64()
        .unwrap_or_else(|| panic!("a number, not {yaml:?}"))
}

fn list(yaml: &Yaml) -> &[Yaml] {
    yaml.as_vec()
        .unwrap_or_else(|| panic!("a list, not {yaml:?}"))
}

fn variable(container: &Yaml, name: &str) -> Yaml {
    let variable = list(&container["env"])
        .iter()
        .find(|variable| text_of(&variable["name"]) == name);
    variable
        .unwrap_or_else(|| panic!("{name} is set"))
        .to_owned()
}

/// The configuration that the program makes of the settings, those in the secret included.
fn settings(container: &Yaml) -> Config {
    let secret = object(&read(MANIFESTS), "Secret")["stringData"].clone();
    let directory = tempdir().expect("a temporary directory can be created");
    let file = directory.path().join("settings.toml");
    fs::write(&file, text_of(&secret["settings.toml"])).expect("the directory is writable");
    let mut variables = Vec::new();
    for variable in list(&container["env"]) {
        let from = &variable["valueFrom"]["secretKeyRef"]["key"];
        let value = match text_of(&variable["name"]) {
            "CONVERSATION_CONFIG" => file.to_str().expect("a path in Unicode"),
            _ if from.is_badvalue() => text_of(&variable["value"]),
            _ => text_of(&secret[text_of(from)]),
        };
        variables.push((text_of(&variable["name"]), value));
    }
    config(variables)
}

/// The file with what is commented out about TLS.
fn with_tls() -> String {
    let text = read(MANIFESTS);
    let lines = text.lines().map(|line| {
        let (indent, rest) = line.split_once("# ").unwrap_or((line, ""));
        if indent.trim().is_empty() && (rest.starts_with("- ") || rest.starts_with("  secret:")) {
            format!("{indent}{rest}\n")
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

#[test]
fn the_program_takes_the_settings_and_lets_in_only_callers() {
    let text = read(MANIFESTS);
    for container in [container(&text), pod(&text)["initContainers"][0].clone()] {
        let config = settings(&container);
        assert!(!config.callers.is_empty());
        assert!(!config.allow_anonymous);
        config
            .refuse_open_listener()
            .expect("callers are named, so it may listen");
    }
}

#[test]
fn the_settings_are_where_the_program_looks_for_them() {
    let container = container(&read(MANIFESTS));
    let path = variable(&container, "CONVERSATION_CONFIG");
    let (directory, file) = text_of(&path["value"]).rsplit_once('/').expect("a path");
    let mount = list(&container["volumeMounts"])
        .iter()
        .find(|mount| text_of(&mount["mountPath"]) == directory)
        .expect("its directory is mounted");
    let pod = pod(&read(MANIFESTS));
    let volume = list(&pod["volumes"])
        .iter()
        .find(|volume| volume["name"] == mount["name"])
        .expect("the mount has a volume");
    assert_eq!(text_of(&volume["secret"]["items"][0]["path"]), file);
}

#[test]
fn ports_agree() {
    let text = read(MANIFESTS);
    let container = container(&text);
    let port = i64::from(settings(&container).listen.port());
    assert_eq!(number(&container["ports"][0]["containerPort"]), port);
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(number(&container[probe]["grpc"]["port"]), port, "{probe}");
    }
    let name = &container["ports"][0]["name"];
    assert_eq!(container["livenessProbe"]["tcpSocket"]["port"], *name);
    let service = object(&text, "Service");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], *name);
    assert_eq!(number(&service["spec"]["ports"][0]["port"]), port);
    assert_eq!(text_of(&service["spec"]["clusterIP"]), "None");

    let metrics = settings(&container).metrics_listen.expect("it has metrics");
    let port = i64::from(metrics.port());
    assert_eq!(number(&container["ports"][1]["containerPort"]), port);
    let pod = object(&text, "Deployment")["spec"]["template"]["metadata"].clone();
    let scraped = &pod["annotations"]["prometheus.io/port"];
    assert_eq!(text_of(scraped), port.to_string());
}

#[test]
fn a_stop_is_given_the_time_to_be_heard_of_and_to_drain() {
    let text = read(MANIFESTS);
    let container = container(&text);
    let seconds = |yaml: &Yaml| Duration::from_secs(number(yaml).unsigned_abs());
    let before = seconds(&container["lifecycle"]["preStop"]["sleep"]["seconds"]);
    let grace = seconds(&pod(&text)["terminationGracePeriodSeconds"]);
    assert!(before > Duration::ZERO);
    assert!(grace > before + settings(&container).drain_timeout);
}

#[test]
fn every_selector_selects_the_pods() {
    let text = read(MANIFESTS);
    let deployment = object(&text, "Deployment")["spec"].clone();
    let labels = &deployment["template"]["metadata"]["labels"];
    assert_eq!(deployment["selector"]["matchLabels"], *labels);
    assert_eq!(object(&text, "Service")["spec"]["selector"], *labels);
    let budget = object(&text, "PodDisruptionBudget")["spec"].clone();
    assert_eq!(budget["selector"]["matchLabels"], *labels);
    assert!(number(&deployment["replicas"]) > number(&budget["maxUnavailable"]));
}

#[test]
fn containers_can_do_no_more_than_they_need() {
    let text = read(MANIFESTS);
    let pod = pod(&text);
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
    // A variable that announces a Service could stop the start.
    assert_eq!(pod["enableServiceLinks"].as_bool(), Some(false));
    for container in [&pod["containers"][0], &pod["initContainers"][0]] {
        let confined = &container["securityContext"];
        assert_eq!(confined["readOnlyRootFilesystem"].as_bool(), Some(true));
        assert_eq!(confined["allowPrivilegeEscalation"].as_bool(), Some(false));
        assert_eq!(text_of(&confined["capabilities"]["drop"][0]), "ALL");
        assert!(!container["resources"]["limits"]["memory"].is_badvalue());
    }
}

#[test]
fn variables_that_announce_a_service_would_stop_the_start() {
    let output = program()
        .args(["health", "--address", "127.0.0.1:1"])
        .env(super::NO_SETTING, "10.0.0.1")
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(2), "the settings are wrong");
}

#[test]
fn what_is_commented_out_makes_it_speak_tls() {
    let text = with_tls();
    let container = container(&text);
    let tls = settings(&container).tls.expect("a certificate and its key");
    let mount = list(&container["volumeMounts"])
        .iter()
        .find(|mount| text_of(&mount["name"]) == "tls")
        .expect("the certificates are mounted");
    let directory = text_of(&mount["mountPath"]);
    assert_eq!(
        tls.certificate.to_str(),
        Some(&*format!("{directory}/tls.crt"))
    );
    assert_eq!(tls.key.to_str(), Some(&*format!("{directory}/tls.key")));
    let pod = pod(&text);
    let volume = list(&pod["volumes"])
        .iter()
        .find(|volume| volume["name"] == mount["name"])
        .expect("the mount has a volume");
    assert!(!volume["secret"]["secretName"].is_badvalue());

    // The probe that takes the place of Kubernetes' own.
    let comment = text
        .lines()
        .skip_while(|line| !line.contains("exec: {command:"))
        .take(2)
        .map(|line| line.split_once("# ").expect("a comment").1)
        .collect::<Vec<_>>()
        .join("\n");
    let probe = &YamlLoader::load_from_str(&comment).expect("a probe")[0];
    let command = list(&probe["exec"]["command"]);
    let image = super::read("deploy/Containerfile");
    let program = text_of(&command[0]);
    assert!(image.contains(&format!("ENTRYPOINT [\"{program}\"]")));
    assert_eq!(text_of(&command[1]), "health");
    let limit = health_probe::TIME_LIMIT.as_secs();
    assert!(number(&probe["timeoutSeconds"]).unsigned_abs() > limit);
}
