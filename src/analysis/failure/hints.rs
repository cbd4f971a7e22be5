//! Suggests fixes for the most common causes of failed deploys.

use super::stack::FailedResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A common cause of failed deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommonCause {
    /// The name is already taken.
    AlreadyExists,
    /// The role lacks a permission.
    NoPermission,
    /// An account quota is exhausted.
    LimitExceeded,
    /// The service rejects the value of a property.
    InvalidParameter,
    /// The function's package does not contain its handler.
    HandlerNotFound,
    /// The bucket cannot be deleted because it contains objects.
    BucketNotEmpty,
    /// Resources depend on each other.
    CircularDependency,
    /// A custom resource or wait condition never responded.
    CustomResourceTimeout,
    /// A service or CloudFormation cannot assume the role.
    RoleNotAssumable,
    /// The template, or its number of resources, exceeds a limit.
    TemplateTooLarge,
    /// The stack is in a state that does not allow updates.
    StackNotUpdatable,
    /// A resource was changed or deleted outside CloudFormation.
    DriftedOrDeleted,
}

impl CommonCause {
    /// Classifies a reason. The order of the rules matters: a refused `sts:AssumeRole` is about the role, not about a
    /// missing permission.
    pub fn of(reason: &str) -> Option<Self> {
        let words = reason.to_lowercase().replace('\u{2019}', "'");
        let has = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
        let rules: [(Self, &[&str]); 12] = [
            (Self::StackNotUpdatable, STACK_STATES),
            (Self::TemplateTooLarge, TOO_LARGE),
            (Self::CircularDependency, &["circular dependenc"]),
            (Self::BucketNotEmpty, &["bucketnotempty", "bucket you tried to delete is not empty"]),
            (Self::CustomResourceTimeout, TIMEOUTS),
            (Self::HandlerNotFound, NO_HANDLER),
            (Self::RoleNotAssumable, ROLES),
            (Self::AlreadyExists, EXISTS),
            (Self::NoPermission, NO_PERMISSION),
            (Self::LimitExceeded, LIMITS),
            (Self::InvalidParameter, INVALID),
            (Self::DriftedOrDeleted, GONE),
        ];
        // An artifact that is missing in S3 is neither drift nor a wrong value.
        let missing_artifact = has(&["nosuchkey", "the specified key does not exist"]);
        let stack_state = |cause: Self| cause != Self::StackNotUpdatable || words.contains("state");
        let drift = |cause: Self| cause != Self::DriftedOrDeleted || !missing_artifact;
        rules
            .into_iter()
            .find(|(cause, signs)| has(signs) && stack_state(*cause) && drift(*cause))
            .map(|(cause, _)| cause)
    }

    /// Returns a sentence that says what to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::AlreadyExists => {
                "A resource with this name already exists. Delete it, import it into the stack, or choose another name."
            }
            Self::NoPermission => {
                "The deploy role lacks a permission. Add the action in the message to the CloudFormation execution role of the target account."
            }
            Self::LimitExceeded => {
                "An account quota is exhausted. Delete unused resources, or request a higher quota in Service Quotas."
            }
            Self::InvalidParameter => {
                "The service rejected a value of the template. Correct the property in the message and deploy again."
            }
            Self::HandlerNotFound => {
                "The function's package does not contain its handler. Check the Handler property, the build output and the packaged dependencies."
            }
            Self::BucketNotEmpty => {
                "The bucket is not empty. Delete its objects and their versions, or keep the bucket with DeletionPolicy: Retain."
            }
            Self::CircularDependency => {
                "The resources depend on each other. Break the cycle, for example by moving the permission or rule into a resource of its own."
            }
            Self::CustomResourceTimeout => {
                "The custom resource never responded. Check its function's log, and make sure that it responds on every path and can reach S3."
            }
            Self::RoleNotAssumable => {
                "The role cannot be assumed. Check that it exists and that its trust policy allows the service or account that uses it."
            }
            Self::TemplateTooLarge => {
                "The template exceeds a CloudFormation limit. Split it into nested or separate stacks."
            }
            Self::StackNotUpdatable => {
                "The stack cannot be updated in its current state. After ROLLBACK_COMPLETE, delete it and deploy again; after UPDATE_ROLLBACK_FAILED, continue the rollback first."
            }
            Self::DriftedOrDeleted => {
                "A resource that the stack relies on was changed or deleted outside CloudFormation. Restore it, or run drift detection and update the template."
            }
        }
    }
}

/// Suggests a fix for a failed resource if its cause is a common one.
pub fn hint(resource: &FailedResource) -> Option<&'static str> {
    CommonCause::of(&resource.reason).map(CommonCause::hint)
}

const STACK_STATES: &[&str] = &["rollback_complete", "rollback_failed", "delete_failed state"];

const TOO_LARGE: &[&str] = &[
    "template may not exceed",
    "template is too large",
    "templatebody' failed to satisfy constraint: member must have length less than or equal to",
    "template size",
    "is greater than maximum allowed, 500",
    "template format error: number of resources",
];

const TIMEOUTS: &[&str] = &[
    "custom resource failed to stabilize in expected time",
    "did not receive a response from your custom resource",
    "custom resource timed out",
    "waitcondition timed out",
    "failed to receive a response from the custom resource",
    "vendor response was not received in time",
];

const NO_HANDLER: &[&str] = &[
    "handlernotfound",
    "importmoduleerror",
    "unable to import module",
    "cannot find module",
    "is undefined or not exported",
    "bad handler",
    "couldn't find valid bootstrap",
    "handler not found in module",
    "lambda handler not found",
];

const ROLES: &[&str] = &[
    "cannot be assumed",
    "can't be assumed",
    "could not be assumed",
    "unable to assume",
    "cannot assume",
    "failed to assume",
    "could not assume",
    "sts:assumerole",
    "not authorized to assume",
];

const EXISTS: &[&str] = &[
    "already exist",
    "alreadyexists",
    "already exported",
    "bucketalreadyownedbyyou",
    "conflicts with an existing resource",
    "invalidgroup.duplicate",
    "already owned by you",
    "is already taken",
];

const NO_PERMISSION: &[&str] = &[
    "is not authorized to perform",
    "not authorized",
    "accessdenied",
    "access denied",
    "access is denied",
    "unauthorizedoperation",
    "unauthorizedtaggingoperation",
    "status code: 403",
    "insufficient permission",
    "does not have permission",
    "does not have required permissions",
    "no permission",
    "permission denied",
];

const LIMITS: &[&str] = &[
    "limitexceeded",
    "limit exceeded",
    "limit has been reached",
    "maximum number of",
    "quota",
    "exceeds the limit",
    "exceeded the limit",
    "maximum limit",
    "account limit",
    "toomany",
    "too many",
    "decreases account's unreservedconcurrentexecution below",
];

const INVALID: &[&str] = &[
    "invalid",
    "validationerror",
    "validationexception",
    "validation error",
    "validation failed",
    "failed to satisfy constraint",
    "template error",
    "unprocessableentity",
    "malformed",
    "unsupported property",
    "does not match",
    "is not valid",
    "must be",
    "is not supported",
    "value of property",
    "required key",
    "cannot be less than",
];

const GONE: &[&str] = &[
    "does not exist",
    "doesn't exist",
    "do not exist",
    "notfound",
    "not found",
    "no longer exists",
    "nosuchentity",
    "nosuchbucket",
    "was deleted",
    "has been deleted",
    "drift",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_causes_are_recognised() {
        use CommonCause::*;
        for (reason, cause) in [
            ("sns-role-master already exists", AlreadyExists),
            (
                "Resource handler returned message: \"Resource of type 'AWS::S3::Bucket' with identifier 'x' already exists.\" (RequestToken: 1, HandlerErrorCode: AlreadyExists)",
                AlreadyExists,
            ),
            ("Export with name X is already exported by stack Y. Rollback requested by user.", AlreadyExists),
            (
                "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutLifecycleConfiguration (Service: S3, Status Code: 403)",
                NoPermission,
            ),
            ("API: ec2:RunInstances You are not authorized to perform this operation.", NoPermission),
            ("The maximum number of VPCs has been reached. (Error Code: VpcLimitExceeded)", LimitExceeded),
            (
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [50].",
                LimitExceeded,
            ),
            ("Invalid parameter at 'PolicyText' failed to satisfy constraint", InvalidParameter),
            (
                "Properties validation failed for resource X with message: #: required key [Name] not found",
                InvalidParameter,
            ),
            ("Template error: instance of Fn::GetAtt references undefined resource X", InvalidParameter),
            ("Runtime.HandlerNotFound: index.handler is undefined or not exported", HandlerNotFound),
            ("Unable to import module 'app': No module named 'requests'", HandlerNotFound),
            ("The bucket you tried to delete is not empty (Error Code: BucketNotEmpty)", BucketNotEmpty),
            ("Circular dependency between resources: [A, B]", CircularDependency),
            (
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [x].",
                CustomResourceTimeout,
            ),
            (
                "Custom Resource failed to stabilize in expected time. If you are using the Python cfn-response module, …",
                CustomResourceTimeout,
            ),
            ("WaitCondition timed out. Received 0 conditions when expecting 1", CustomResourceTimeout),
            (
                "The role defined for the function cannot be assumed by Lambda. (Error Code: InvalidParameterValueException)",
                RoleNotAssumable,
            ),
            ("Role arn:aws:iam::1:role/x is invalid or cannot be assumed", RoleNotAssumable),
            ("User x is not authorized to perform: sts:AssumeRole on resource: y", RoleNotAssumable),
            ("Template may not exceed 1000000 bytes in size.", TemplateTooLarge),
            ("Template format error: Number of resources, 501, is greater than maximum allowed, 500", TemplateTooLarge),
            ("Stack:arn is in ROLLBACK_COMPLETE state and can not be updated.", StackNotUpdatable),
            ("Stack:arn is in UPDATE_ROLLBACK_FAILED state and can not be updated.", StackNotUpdatable),
            ("Resource handler returned message: \"Queue not found\" (HandlerErrorCode: NotFound)", DriftedOrDeleted),
            ("Resource of type 'AWS::DynamoDB::Table' with identifier 'x' was not found.", DriftedOrDeleted),
            ("The specified bucket does not exist (Error Code: NoSuchBucket)", DriftedOrDeleted),
        ] {
            assert_eq!(CommonCause::of(reason), Some(cause), "{reason}");
            assert!(cause.hint().ends_with('.'));
        }
    }

    #[test]
    fn other_causes_get_no_hint() {
        for reason in
            ["Internal Failure", "", "The specified key does not exist.", "Received 1 FAILURE signal(s) out of 1."]
        {
            assert_eq!(CommonCause::of(reason), None, "{reason}");
        }
    }
}
