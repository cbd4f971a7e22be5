//! The build: what its role may do, and its commands, run with stand-ins for the tools that say what they were given.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use saphyr::{LoadableYamlNode as _, YamlOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{allowed, expiring, file, plain, role, statements, template, texts};

fn buildspec() -> Value {
    plain(&YamlOwned::load_from_str(&file("infra/buildspec.yaml")).unwrap()[0])
}

#[test]
fn the_project_has_the_buildspec_of_the_file() {
    let template = template("infra/template.yaml");
    let project = &template["Resources"]["BuildProject"]["Properties"];
    assert_eq!(project["Source"]["BuildSpec"].as_str().unwrap(), file("infra/buildspec.yaml"));
    assert_eq!(project["Environment"]["PrivilegedMode"], false);
    assert_eq!(project["Artifacts"]["Type"], "NO_ARTIFACTS");
    assert_eq!(project["TimeoutInMinutes"], 30);
    assert_eq!(project["ServiceRole"], json!({ "Fn::GetAtt": "BuildRole.Arn" }));
}

#[test]
fn a_build_may_read_archives_and_write_packages_and_nothing_else() {
    let template = template("infra/template.yaml");
    let build = role(&template, "BuildRole");
    let actions: BTreeSet<&str> =
        statements(build).into_iter().flat_map(|statement| texts(&statement["Action"])).collect();
    assert_eq!(
        actions,
        BTreeSet::from([
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObject"
        ])
    );
    assert_eq!(allowed(build, "s3:GetObject"), ["${ArtifactsBucket.Arn}/source/*"]);
    assert_eq!(allowed(build, "s3:GetObjectVersion"), ["${ArtifactsBucket.Arn}/source/*"]);
    assert_eq!(allowed(build, "s3:PutObject"), ["${ArtifactsBucket.Arn}/builds/*"]);
    assert_eq!(allowed(build, "logs:PutLogEvents"), ["BuildLogs.Arn"]);
    assert!(build["Properties"].get("ManagedPolicyArns").is_none());
}

#[test]
fn what_is_sealed_is_written_by_tasks_and_read_by_the_accounts_of_stacks() {
    let template = template("infra/template.yaml");
    let task = role(&template, "TaskRole");
    let artifacts = |action: &str| -> BTreeSet<String> {
        let all = allowed(task, action).into_iter();
        all.filter_map(|text| text.strip_prefix("${ArtifactsBucket.Arn}/").map(str::to_owned)).collect()
    };
    let folders = |names: &[&str]| names.iter().map(|name| format!("{name}/*")).collect::<BTreeSet<_>>();
    assert_eq!(artifacts("s3:PutObject"), folders(&["sealed", "source"]));
    assert_eq!(artifacts("s3:GetObject"), folders(&["builds", "sealed", "source"]));
    let others = ["ApiRole", "StateMachineRole"].map(|id| role(&template, id));
    assert!(others.into_iter().flat_map(|role| allowed(role, "s3:PutObject")).all(|text| !text.contains("Artifacts")));

    let policy = &template["Resources"]["ArtifactsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let allow: Vec<&Value> =
        policy.as_array().unwrap().iter().map(super::at_most).filter(|it| it["Effect"] == "Allow").collect();
    let [allow] = allow[..] else { panic!("{allow:?}") };
    assert_eq!(allow["Principal"], json!({ "AWS": { "Ref": "TargetAccounts" } }));
    assert_eq!(allow["Action"], "s3:GetObject");
    assert_eq!(allow["Resource"], json!({ "Fn::Sub": "${ArtifactsBucket.Arn}/sealed/*" }));

    let bucket = &template["Resources"]["ArtifactsBucket"];
    assert_eq!(bucket["Properties"]["VersioningConfiguration"]["Status"], "Enabled");
    assert_eq!(expiring(bucket), BTreeSet::from(["builds/", "sealed/", "source/"]));
}

#[test]
fn the_disk_of_a_task_holds_the_largest_archive() {
    let source = file("src/kinds/backend_deploy/source.rs");
    let limit = source.split("const MAX_ARCHIVE: u64 = ").nth(1).and_then(|rest| rest.split(" << 20;").next());
    let megabytes: u64 = limit.expect("MAX_ARCHIVE is some megabytes").parse().unwrap();
    let template = template("infra/template.yaml");
    let disk = &template["Resources"]["TaskFunction"]["Properties"]["EphemeralStorage"]["Size"]["Fn::If"];
    assert_eq!(disk[0], "HasBackends");
    // A task that was given up leaves its file behind, and the next may run in the same place.
    assert!(disk[1].as_u64().unwrap() >= 2 * megabytes, "{disk} MB for archives of {megabytes} MB");
}

#[test]
fn without_backends_nothing_of_them_is_installed() {
    let template = template("infra/template.yaml");
    for id in ["ArtifactsBucket", "ArtifactsBucketPolicy", "BuildProject", "BuildRole", "BuildLogs"] {
        assert_eq!(template["Resources"][id]["Condition"], "HasBackends", "{id}");
    }
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    for name in ["BOUNCER_BUILD_PROJECT", "BOUNCER_ARTIFACTS_BUCKET"] {
        let choice = &variables[name]["Fn::If"];
        assert_eq!((&choice[0], &choice[2]), (&json!("HasBackends"), &json!({ "Ref": "AWS::NoValue" })), "{name}");
    }
}

#[test]
fn the_linter_of_a_build_is_that_of_the_tests() {
    let pinned = |text: &str| text.lines().map(str::trim).any(|line| line.contains("cfn-lint==1.58.0"));
    for path in ["tests/requirements/clients.txt", "tests/requirements/emulator.txt", "infra/buildspec.yaml"] {
        assert!(pinned(&file(path)), "{path}");
    }
}

/// A build of a commit, on this machine.
struct Build {
    folder: TempDir,
    template: &'static str,
}

impl Build {
    /// A repository as GitHub packs it, whose template is at `template` and says `text`.
    fn of(template: &'static str, text: &str) -> Self {
        let folder = TempDir::with_prefix("bouncer test build ").unwrap();
        let build = Self { folder, template };
        let template = build.at("src/acme-shop 0123abc").join(build.template);
        fs::create_dir_all(template.parent().unwrap()).unwrap();
        fs::write(template, text).unwrap();
        fs::create_dir_all(build.at("bin")).unwrap();
        fs::create_dir_all(build.at("home")).unwrap();
        for tool in ["sam", "aws", "cfn-lint"] {
            build.stand_in(tool, "exit 0");
        }
        // Makes an environment whose pip is this stand-in too.
        build.stand_in("python3", "[ \"$2\" = venv ] || exit 9\nmkdir -p \"$3/bin\"; cp \"$0\" \"$3/bin/pip\"; exit 0");
        build.stand_in("pip", "exit 0");
        build
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// A program that notes what it was given, one argument a line, and then does something.
    fn stand_in(&self, name: &str, then: &str) {
        let path = self.at("bin").join(name);
        let note = r#"{ printf '%s' "${0##*/}"; printf '\t%s' "$@"; printf '\n'; } >>"$NOTES""#;
        fs::write(&path, format!("#!/bin/bash\n{note}\ncase ${{0##*/}} in pip) exit 0 ;; esac\n{then}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a phase as CodeBuild does.
    fn run(&self, phase: &str) -> Output {
        let spec = buildspec();
        let commands = spec["phases"][phase]["commands"].as_array().unwrap();
        let [command] = &commands[..] else { panic!("{phase} has several commands") };
        assert_eq!(spec["env"]["shell"], "bash");
        Command::new("bash")
            .args(["-c", command.as_str().unwrap()])
            .current_dir(self.at("src"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.at("bin").display()))
            .env("HOME", self.at("home"))
            .env("NOTES", self.at("notes"))
            .env("TMPDIR", self.folder.path())
            .env("CODEBUILD_SRC_DIR", self.at("src"))
            .env("BOUNCER_DEPLOY_ID", "deploy-1")
            .env("BOUNCER_COMMIT", "0123abc")
            .env("BOUNCER_TEMPLATE", self.template)
            .env("BOUNCER_ARTIFACTS_BUCKET", "bucket")
            .env("BOUNCER_ARTIFACTS_PREFIX", "builds/deploy-1-0a")
            .output()
            .unwrap()
    }

    /// What the tools were given, without the temporary folder.
    fn notes(&self) -> Vec<Vec<String>> {
        let notes = fs::read_to_string(self.at("notes")).unwrap_or_default();
        let is_temporary = |word: &str| Path::new(word).is_absolute();
        let short = |word: &str| if is_temporary(word) { word.rsplit('/').next().unwrap() } else { word }.to_owned();
        notes.lines().map(|line| line.split('\t').map(short).collect()).collect()
    }
}

const SAM: &str = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n";
const PLAIN: &str = "Resources: {}\n";

#[test]
fn a_serverless_template_is_built_and_packaged_whatever_its_name() {
    let build = Build::of("my $(touch oops) dir/a 'template'.yaml", SAM);
    for phase in ["install", "pre_build", "build"] {
        let out = build.run(phase);
        assert!(out.status.success(), "{phase}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let path = build.template;
    let to = ["--s3-bucket", "bucket", "--s3-prefix", "builds/deploy-1-0a", "--output-template-file", "packaged.yaml"];
    let built = ["sam", "build", "--template-file", path, "--build-dir", ".aws-sam/build"];
    let packaged =
        ["sam", "package", "--config-file", "samconfig.toml", "--template-file", ".aws-sam/build/template.yaml"];
    let copied =
        ["aws", "s3", "cp", "--only-show-errors", "packaged.yaml", "s3://bucket/builds/deploy-1-0a/packaged.yaml"];
    assert_eq!(
        build.notes(),
        [
            vec!["python3", "-m", "venv", "cfn-lint"],
            vec!["pip", "install", "--quiet", "--disable-pip-version-check", "cfn-lint==1.58.0"],
            vec!["cfn-lint", "--non-zero-exit-code", "error", "--template", path],
            built.to_vec(),
            [&packaged[..], &to[..]].concat(),
            copied.to_vec(),
        ]
    );
    let source = build.at("src/acme-shop 0123abc");
    assert!(!source.join("oops").exists() && !build.at("src/oops").exists(), "the path was run as a command");
}

#[test]
fn a_plain_template_is_packaged_without_sam() {
    let build = Build::of("template.yaml", PLAIN);
    assert!(build.run("build").status.success());
    let notes = build.notes();
    assert_eq!(notes[0][..5], ["aws", "cloudformation", "package", "--template-file", "template.yaml"]);
    assert_eq!(notes[1][..3], ["aws", "s3", "cp"]);
    assert_eq!(notes.len(), 2);
}

#[test]
fn what_fails_ends_the_build_and_nothing_is_left() {
    let lint = Build::of("template.yaml", SAM);
    lint.stand_in("cfn-lint", "exit 2");
    assert_eq!(lint.run("pre_build").status.code(), Some(2));

    for (tool, template, then) in [
        ("sam", SAM, "[ \"$1\" = build ] && exit 3; exit 0"),
        ("sam", SAM, "[ \"$1\" = package ] && exit 3; exit 0"),
        ("aws", PLAIN, "[ \"$2\" = package ] && exit 3; exit 0"),
        ("aws", SAM, "[ \"$2\" = cp ] && exit 3; exit 0"),
    ] {
        let build = Build::of("template.yaml", template);
        build.stand_in(tool, then);
        assert_eq!(build.run("build").status.code(), Some(3), "{tool}: {then}");
        // The copy is what Bouncer takes for the sign that all is there: it is tried last, or not at all.
        let notes = build.notes();
        let copied = notes.iter().any(|note| note[..2] == ["aws", "s3"]);
        assert_eq!(copied, then.contains("cp"), "{tool}: {notes:?}");
    }
}

#[test]
fn a_template_that_is_not_there_is_named() {
    let build = Build::of("template.yaml", SAM);
    fs::remove_file(build.at("src/acme-shop 0123abc/template.yaml")).unwrap();
    let out = build.run("install");
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "ERROR: the commit has no file template.yaml\n");
}

#[test]
fn without_sam_a_pinned_one_is_installed() {
    let build = Build::of("template.yaml", SAM);
    fs::remove_file(build.at("bin/sam")).unwrap();
    assert!(build.run("install").status.success());
    let installed = build.notes().into_iter().filter(|note| note[0] == "pip");
    let packages: Vec<String> = installed.map(|note| note.last().unwrap().clone()).collect();
    assert_eq!(packages, ["cfn-lint==1.58.0", "aws-sam-cli==1.170.0"]);
}
