//! The DynamoDB endpoint.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, ScalarAttributeType,
    TimeToLiveSpecification, TransactWriteItem,
};
use embedded_aws::StorageCredentials;

use super::support::{Storage, code, dynamodb_client};

const TABLE: &str = "records";

pub async fn create_table(dynamodb: &Client) {
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    dynamodb
        .create_table()
        .table_name(TABLE)
        .attribute_definitions(id.build().unwrap())
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

/// Writes an item that must not be there yet.
pub async fn put(
    dynamodb: &Client,
    id: &str,
    count: u32,
) -> Result<
    aws_sdk_dynamodb::operation::put_item::PutItemOutput,
    aws_sdk_dynamodb::error::SdkError<
        aws_sdk_dynamodb::operation::put_item::PutItemError,
        aws_sdk_dynamodb::config::http::HttpResponse,
    >,
> {
    dynamodb
        .put_item()
        .table_name(TABLE)
        .item("id", AttributeValue::S(id.to_owned()))
        .item("count", AttributeValue::N(count.to_string()))
        .condition_expression("attribute_not_exists(id)")
        .send()
        .await
}

pub async fn get(dynamodb: &Client, id: &str) -> Option<HashMap<String, AttributeValue>> {
    let key = AttributeValue::S(id.to_owned());
    let found = dynamodb.get_item().table_name(TABLE).key("id", key).consistent_read(true).send().await;
    found.unwrap().item
}

#[tokio::test]
async fn a_conditional_put_happens_once() {
    let storage = Storage::start().await;
    let dynamodb = storage.dynamodb();
    create_table(&dynamodb).await;
    let tries = (0..8).map(|count| {
        let dynamodb = dynamodb.clone();
        tokio::spawn(async move { put(&dynamodb, "one", count).await.is_ok() })
    });
    let won = futures::future::join_all(tries).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
    assert_eq!(code(put(&dynamodb, "one", 9).await), "ConditionalCheckFailedException");
}

#[tokio::test]
async fn concurrent_additions_all_count() {
    let storage = Storage::start().await;
    let dynamodb = storage.dynamodb();
    create_table(&dynamodb).await;
    let additions = (0..40).map(|_| {
        let dynamodb = dynamodb.clone();
        tokio::spawn(async move {
            dynamodb
                .update_item()
                .table_name(TABLE)
                .key("id", AttributeValue::S("sum".to_owned()))
                .update_expression("ADD #count :one")
                .expression_attribute_names("#count", "count")
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                .send()
                .await
                .unwrap();
        })
    });
    for addition in futures::future::join_all(additions).await {
        addition.unwrap();
    }
    assert_eq!(get(&dynamodb, "sum").await.unwrap()["count"], AttributeValue::N("40".to_owned()));
}

#[tokio::test]
async fn a_transaction_happens_as_a_whole_or_not_at_all() {
    let storage = Storage::start().await;
    let dynamodb = storage.dynamodb();
    create_table(&dynamodb).await;
    put(&dynamodb, "there", 1).await.unwrap();
    let write = |id: &str| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("id", AttributeValue::S(id.to_owned()))
            .condition_expression("attribute_not_exists(id)");
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let refused = dynamodb.transact_write_items().transact_items(write("new")).transact_items(write("there"));
    assert_eq!(code(refused.send().await), "TransactionCanceledException");
    assert_eq!(get(&dynamodb, "new").await, None);
    let done = dynamodb.transact_write_items().transact_items(write("new")).transact_items(write("newer"));
    done.send().await.unwrap();
    assert!(get(&dynamodb, "newer").await.is_some());
}

#[tokio::test]
async fn queries_and_batches_are_answered() {
    let storage = Storage::start().await;
    let dynamodb = storage.dynamodb();
    create_table(&dynamodb).await;
    for id in ["a", "b", "c"] {
        put(&dynamodb, id, 1).await.unwrap();
    }
    assert_eq!(dynamodb.scan().table_name(TABLE).send().await.unwrap().count(), 3);
    let query = dynamodb
        .query()
        .table_name(TABLE)
        .key_condition_expression("id = :id")
        .expression_attribute_values(":id", AttributeValue::S("b".to_owned()));
    assert_eq!(query.send().await.unwrap().count(), 1);
    assert_eq!(dynamodb.list_tables().send().await.unwrap().table_names(), [TABLE]);
    dynamodb.describe_table().table_name(TABLE).send().await.unwrap();
    assert_eq!(code(dynamodb.describe_table().table_name("missing").send().await), "ResourceNotFoundException");
    assert_eq!(code(dynamodb.describe_limits().send().await), "UnknownOperationException");
    dynamodb.delete_table().table_name(TABLE).send().await.unwrap();
}

#[tokio::test]
async fn records_past_their_time_are_removed() {
    let storage = Storage::start().await;
    let dynamodb = storage.dynamodb();
    create_table(&dynamodb).await;
    let specification = TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build().unwrap();
    dynamodb.update_time_to_live().table_name(TABLE).time_to_live_specification(specification).send().await.unwrap();
    for (id, expires) in [("over", "1000000000"), ("valid", "9000000000")] {
        dynamodb
            .put_item()
            .table_name(TABLE)
            .item("id", AttributeValue::S(id.to_owned()))
            .item("expires", AttributeValue::N(expires.to_owned()))
            .send()
            .await
            .unwrap();
    }
    assert!(get(&dynamodb, "over").await.is_some());

    // Expired records are removed at a start, and every minute from then on.
    let storage = storage.restart().await;
    let dynamodb = storage.dynamodb();
    let deadline = Instant::now() + Duration::from_secs(20);
    while get(&dynamodb, "over").await.is_some() {
        assert!(Instant::now() < deadline, "the expired record is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(get(&dynamodb, "valid").await.is_some());
}

#[tokio::test]
async fn only_the_owner_of_the_secret_is_answered() {
    let storage = Storage::start().await;
    create_table(&storage.dynamodb()).await;
    let own = storage.credentials.clone();

    // The id of the key is no secret: presigned URLs carry it.
    let wrong_secret = StorageCredentials { secret_access_key: "0".repeat(64), ..own.clone() };
    let forger = dynamodb_client(storage.records, &wrong_secret);
    assert_eq!(code(put(&forger, "forged", 1).await), "InvalidSignatureException");

    let wrong_id = StorageCredentials { access_key_id: "0".repeat(32), ..own };
    let stranger = dynamodb_client(storage.records, &wrong_id);
    assert_eq!(code(put(&stranger, "forged", 1).await), "UnrecognizedClientException");

    let unsigned = reqwest::Client::new()
        .post(format!("http://{}/", storage.records))
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .body("{}");
    let answer = unsigned.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("MissingAuthenticationToken"));

    assert_eq!(get(&storage.dynamodb(), "forged").await, None);
}

#[tokio::test]
async fn a_signature_is_good_for_its_own_request_only() {
    let storage = Storage::start().await;
    let recorded = RecordedRequest::of(&storage).await;
    assert_eq!(recorded.send(|_, _| {}).await, 200);
    assert_eq!(recorded.send(|_, body| *body = r#"{"Limit":1}"#.to_owned()).await, 400);
    let retarget = |headers: &mut reqwest::header::HeaderMap, _: &mut String| {
        headers.insert("x-amz-target", "DynamoDB_20120810.DeleteTable".parse().unwrap());
    };
    assert_eq!(recorded.send(retarget).await, 400);
    let redate = |headers: &mut reqwest::header::HeaderMap, _: &mut String| {
        headers.insert("x-amz-date", "20200101T000000Z".parse().unwrap());
    };
    assert_eq!(recorded.send(redate).await, 400);
}

/// A request as the SDK signs it, to be sent again with changes.
struct RecordedRequest {
    url: String,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl RecordedRequest {
    async fn of(storage: &Storage) -> Self {
        use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
        use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
        use aws_sdk_dynamodb::error::BoxError;

        #[derive(Debug)]
        struct Recorder(std::sync::Arc<std::sync::Mutex<reqwest::header::HeaderMap>>);
        impl Intercept for Recorder {
            fn name(&self) -> &'static str {
                "Recorder"
            }
            fn read_before_transmit(
                &self,
                context: &BeforeTransmitInterceptorContextRef<'_>,
                _: &RuntimeComponents,
                _: &mut ConfigBag,
            ) -> Result<(), BoxError> {
                let mut recorded = self.0.lock().unwrap();
                for (name, value) in context.request().headers() {
                    let name: reqwest::header::HeaderName = name.parse()?;
                    recorded.insert(name, value.parse()?);
                }
                Ok(())
            }
        }
        let headers = std::sync::Arc::default();
        let recorder = Recorder(std::sync::Arc::clone(&headers));
        let list = storage.dynamodb().list_tables().customize().interceptor(recorder);
        list.send().await.unwrap();
        let headers = headers.lock().unwrap().clone();
        Self { url: format!("http://{}/", storage.records), headers, body: "{}".to_owned() }
    }

    async fn send(&self, change: impl FnOnce(&mut reqwest::header::HeaderMap, &mut String)) -> u16 {
        let (mut headers, mut body) = (self.headers.clone(), self.body.clone());
        change(&mut headers, &mut body);
        headers.remove("content-length");
        let sent = reqwest::Client::new().post(&self.url).headers(headers).body(body).send().await;
        sent.unwrap().status().as_u16()
    }
}
