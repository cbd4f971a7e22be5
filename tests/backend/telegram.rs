//! The question about the infrastructure, answered on Telegram.

use serde_json::{Value, json};

use super::world::{DEPLOY_DEADLINE, STACK, World, topic};
use crate::support::{BOT_TOKEN, ChatMessage, Telegram, text, wait_until};

const BEA: i64 = 70_001;
const EVE: i64 = 66_666;

struct Chat {
    telegram: Telegram,
    world: World,
}

impl Chat {
    async fn start() -> Self {
        let telegram = Telegram::start(&[BEA, EVE]).await;
        let approvers = BEA.to_string();
        let settings = [
            ("BOUNCER_TELEGRAM_API_URL", telegram.url()),
            ("BOUNCER_TELEGRAM_TOKEN", BOT_TOKEN),
            ("BOUNCER_TELEGRAM_APPROVERS", &approvers),
        ];
        let world = World::with(&settings).await;
        Self { telegram, world }
    }

    /// The message to Bea that begins so and names an id.
    async fn says(&self, id: &str, start: &str) -> ChatMessage {
        let says = async || {
            let is_it = |message: &ChatMessage| message.text.starts_with(start) && message.text.contains(id);
            self.telegram.messages().into_iter().find(|message| message.chat == BEA && is_it(message))
        };
        wait_until(&format!("{start} … {id}"), DEPLOY_DEADLINE, says).await
    }

    async fn press(&self, user: i64, message: &ChatMessage, data: &str) -> String {
        let press = self.telegram.press(user, message, data);
        self.telegram.push(press.clone());
        self.telegram.answer_to(&press).await
    }

    /// Asks for a deploy and presses yes; the deploy's id, and the question about its infrastructure as Bea sees it.
    async fn until_the_question(&self) -> (String, ChatMessage) {
        let asked = self.world.asked().await;
        let (request, deploy) = (text(&asked["request_id"]), text(&asked["deploy_id"]).to_owned());
        let prompt = self.says(request, "🔔 Approval needed: Deploy the backend").await;
        assert_eq!(self.press(BEA, &prompt, &format!("approve:{request}")).await, "Approved.");
        let question = self.world.question(&deploy).await;
        let prompt = self.says(&question, "🔔 Approval needed: Change the infrastructure").await;
        assert_eq!(prompt.data(), [format!("infra_approve:{deploy}"), format!("infra_deny:{deploy}")]);
        (deploy, prompt)
    }

    async fn topics(&self) -> Value {
        let stack = json!({ "StackName": STACK });
        let resources = self.world.boto.call("cloudformation", "describe_stack_resources", stack).await;
        let arn = resources["StackResources"][0]["PhysicalResourceId"].clone();
        self.world.boto.call("sns", "get_topic_attributes", json!({ "TopicArn": arn })).await["Attributes"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_about_infrastructure_is_answered_by_a_press() {
    let chat = Chat::start().await;
    chat.world.push("Add the news", &topic("News"));
    let (deploy, prompt) = chat.until_the_question().await;
    assert!(prompt.text.contains("News"), "the resource is named: {}", prompt.text);
    let yes = format!("infra_approve:{deploy}");
    assert_eq!(chat.press(EVE, &prompt, &yes).await, "You have no permission to decide this.");
    assert_eq!(chat.press(BEA, &prompt, &yes).await, "Approved.");
    let ended = chat.world.ended(&deploy).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    assert_eq!(chat.topics().await["DisplayName"], "News");
    let question = text(&ended["infrastructure_request_id"]);
    let done = chat.says(question, "✅ Done: Change the infrastructure").await;
    assert!(done.id == prompt.id && done.data().is_empty(), "{done:#?}");
    assert_eq!(chat.press(BEA, &prompt, &format!("infra_deny:{deploy}")).await, "Already handled.");

    chat.world.push("Rename", &topic("Gossip"));
    let (deploy, prompt) = chat.until_the_question().await;
    assert_eq!(chat.press(BEA, &prompt, &format!("infra_deny:{deploy}")).await, "Rejected.");
    let ended = chat.world.ended(&deploy).await;
    assert_eq!(ended["status"], "CANCELLED", "{ended:#}");
    assert_eq!(chat.topics().await["DisplayName"], "News", "nothing was changed");
    let question = text(&ended["infrastructure_request_id"]);
    let denied = chat.says(question, "🚫 Rejected: Change the infrastructure").await;
    assert!(denied.id == prompt.id && denied.data().is_empty(), "{denied:#?}");
    assert_eq!(chat.telegram.refusals(), [""; 0]);
}
