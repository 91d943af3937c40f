"""The reasons and the settings that a new portal starts with; afterwards they are the admin's to edit."""

from django.db import migrations

# code, English, Chinese, whose fault, is a comment required
RETURN_REASONS = [
    ("CR-UNWANTED_ITEM", "No longer needed or wanted", "不再需要或不想要", "buyer", False),
    ("CR-ORDERED_WRONG_ITEM", "Ordered by accident", "误购（下错单或买错）", "buyer", False),
    ("CR-FOUND_BETTER_PRICE", "Better price available", "发现更优惠的价格", "buyer", True),
    ("CR-NO_REASON_GIVEN", "No reason given", "未提供原因", "buyer", False),
    ("CR-QUALITY_UNACCEPTABLE", "Performance or quality not adequate", "性能或质量不佳", "buyer", False),
    ("CR-NOT_COMPATIBLE", "Incompatible or not useful for the purpose", "不兼容或不符合用途", "buyer", False),
    ("AMZ-PG-APP-TOO-SMALL", "Too small", "尺码偏小", "buyer", False),
    ("AMZ-PG-APP-TOO-LARGE", "Too large", "尺码偏大", "buyer", False),
    ("AMZ-PG-APP-STYLE", "Style not as expected", "款式不符合预期", "buyer", False),
    ("CR-DAMAGED_BY_FC", "Item damaged, shipping box fine", "商品损坏，外包装完好", "seller", True),
    ("CR-DAMAGED_BY_CARRIER", "Item and shipping box both damaged", "商品和外包装均已损坏", "seller", True),
    (
        "CR-MISSED_ESTIMATED_DELIVERY",
        "Missed the estimated delivery date",
        "超出预计送达日期",
        "seller",
        False,
    ),
    ("CR-MISSING_PARTS", "Missing parts or accessories", "缺少零件或配件", "seller", True),
    ("CR-SWITCHEROO", "Wrong item was sent", "发错商品", "seller", True),
    ("CR-DEFECTIVE", "Defective or does not work", "商品有缺陷或无法正常使用", "seller", True),
    ("CR-EXTRA_ITEM", "Arrived in addition to what was ordered", "收到未订购的商品", "seller", True),
    ("CR-UNAUTHORIZED_PURCHASE", "Unauthorized purchase", "未经授权的购买", "seller", False),
    ("AMZ-PG-BAD-DESC", "Description was not accurate", "与商品描述不符", "seller", False),
    ("NEVER_ARRIVED", "The order never arrived", "未收到商品", "none", False),
    ("UND-UNKNOWN", "Returned by the carrier as undeliverable", "无法投递，承运人退回", "none", False),
]

# code: ground, who, may close a withdrawal, picker's labels, labels in the message, texts
CLOSURE_REASONS = [
    {
        "code": "refund_without_return",
        "ground": "refund_without_return",
        "audience": "seller",
        "may_close_withdrawal": True,
        "label_en": "Refund without return",
        "label_zh_hans": "退款，无需退货",
        "buyer_label_en": "The seller refunds you; nothing to send back",
        "buyer_label_zh_hans": "卖家退款，您无需退货",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} is refunding you for {item_titles} (order {order_number}). You do not need "
            "to send anything back, so your return request is now closed.\n\n"
            "The amount and the date of the refund are shown on your request page. Your bank may need "
            "a few more days to show the money.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "If the refund has not been issued by that date, please open your request page and ask us "
            "to step in."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "关于订单 {order_number} 中的 {item_titles}，{seller_name} 正在为您办理退款。您无需寄回商品，"
            "此退货请求现已关闭。\n\n"
            "退款金额和退款日期请见退货请求页面；实际到账时间以银行或支付机构为准。\n\n"
            "卖家备注：{comments}\n\n"
            "如到期仍未退款，请打开退货请求页面，申请平台介入。"
        ),
    },
    {
        "code": "outside_return_window",
        "ground": "outside_return_window",
        "audience": "seller",
        "may_close_withdrawal": False,
        "label_en": "Return window has expired",
        "label_zh_hans": "已超过退货期限",
        "buyer_label_en": "The return window has expired",
        "buyer_label_zh_hans": "已超过退货期限",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} has closed your return request for {item_titles} (order {order_number}), "
            "because it was made after the return window for this order had ended.\n\n"
            "The window ended on {return_window_end}.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "If you think that this is wrong, or if the item is faulty, damaged or not what you "
            "ordered, please tell us on your request page: longer periods can apply then. Your legal "
            "rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您针对订单 {order_number} 中的 {item_titles} 提交的退货请求已由 {seller_name} 关闭，"
            "原因是提交时已超过该订单的退货期限。\n\n"
            "退货期限截止日期：{return_window_end}。\n\n"
            "卖家备注：{comments}\n\n"
            "如果您认为有误，或者商品存在质量问题、损坏或与您订购的不符，请在退货请求页面告诉我们，"
            "此类情况可能适用更长的期限。您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "outside_return_policy",
        "ground": "outside_policy",
        "audience": "seller",
        "may_close_withdrawal": False,
        "label_en": "Outside the return policy",
        "label_zh_hans": "不符合退货政策",
        "buyer_label_en": "It is outside the return policy",
        "buyer_label_zh_hans": "不符合退货政策",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} has closed your return request for {item_titles} (order {order_number}), "
            "because it is outside the return policy that applied when you ordered.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "If you think that this is wrong, or if the item is faulty, damaged or not what you "
            "ordered, please tell us on your request page. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您针对订单 {order_number} 中的 {item_titles} 提交的退货请求已由 {seller_name} 关闭，"
            "原因是不符合您下单时适用的退货政策。\n\n"
            "卖家备注：{comments}\n\n"
            "如果您认为有误，或者商品存在质量问题、损坏或与您订购的不符，请在退货请求页面告诉我们。"
            "您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "not_returnable",
        "ground": "not_returnable",
        "audience": "seller",
        "may_close_withdrawal": False,
        "label_en": "This product is not returnable",
        "label_zh_hans": "该商品不可退货",
        "buyer_label_en": "This product is not returnable",
        "buyer_label_zh_hans": "该商品不可退货",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} has closed your return request for {item_titles} (order {order_number}). "
            "Under the return policy that applied when you ordered, this product cannot be returned.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "This does not apply if the item is faulty, was damaged on arrival or is not what you "
            "ordered: in that case please tell us on your request page. Your legal rights are not "
            "affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您针对订单 {order_number} 中的 {item_titles} 提交的退货请求已由 {seller_name} 关闭。"
            "根据您下单时适用的退货政策，该商品不可退货。\n\n"
            "卖家备注：{comments}\n\n"
            "如果商品存在质量问题、收到时已损坏或与您订购的不符，则不受此限，请在退货请求页面告诉我们。"
            "您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "technical_issue_solved",
        "ground": "always",
        "audience": "seller",
        "may_close_withdrawal": False,
        "label_en": "Solved a technical issue",
        "label_zh_hans": "技术问题已解决",
        "buyer_label_en": "The technical problem has been solved",
        "buyer_label_zh_hans": "技术问题已解决",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} has told us that the technical problem with {item_titles} (order "
            "{order_number}) has been solved, and has closed your return request.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "If the problem is still there or comes back, please tell us on your request page, so "
            "that your request can be opened again. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "{seller_name} 告知我们，订单 {order_number} 中 {item_titles} 的技术问题已经解决，"
            "因此关闭了您的退货请求。\n\n"
            "卖家备注：{comments}\n\n"
            "如果问题仍然存在或再次出现，请在退货请求页面告诉我们，以便重新打开您的请求。"
            "您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "agreed_with_buyer",
        "ground": "agreed_with_buyer",
        "audience": "seller",
        "may_close_withdrawal": True,
        "label_en": "Another solution was agreed",
        "label_zh_hans": "双方已协商一致",
        "buyer_label_en": "You and the seller agreed on another solution",
        "buyer_label_zh_hans": "您与卖家已协商一致，采用其他解决方案",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "Your return request for {item_titles} (order {order_number}) has been closed, because "
            "{seller_name} has noted that you both agreed on another solution.\n\n"
            "What the seller noted: {comments}\n\n"
            "If this is not what you agreed, or you did not agree to anything, please tell us on your "
            "request page and we will look into it. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "{seller_name} 表示已与您协商一致，采用其他解决方案，"
            "因此您针对订单 {order_number} 中的 {item_titles} 提交的退货请求已关闭。\n\n"
            "卖家记录的协商内容：{comments}\n\n"
            "如果与您约定的内容不符，或您并未同意任何方案，请在退货请求页面告诉我们，我们会核实。"
            "您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "duplicate_request",
        "ground": "duplicate",
        "audience": "seller",
        "may_close_withdrawal": True,
        "label_en": "Duplicate of another request",
        "label_zh_hans": "重复的退货请求",
        "buyer_label_en": "It repeats another return request of yours",
        "buyer_label_zh_hans": "与您的另一个退货请求重复",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "There is more than one return request for {item_titles} (order {order_number}). To avoid "
            "confusion, {seller_name} has closed this one. Your other request is not affected, and "
            "you do not need to do anything about this one.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "If you wanted to return more units or another item, please tell us on your request page."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "订单 {order_number} 中的 {item_titles} 有不止一个退货请求。为避免重复处理，"
            "{seller_name} 关闭了其中的这一个。您的另一个退货请求不受影响，对于此请求您无需再做任何操作。\n\n"
            "卖家备注：{comments}\n\n"
            "如果您是想退回更多数量或其他商品，请在退货请求页面告诉我们。"
        ),
    },
    {
        "code": "order_never_arrived",
        "ground": "never_arrived",
        "audience": "seller",
        "may_close_withdrawal": True,
        "label_en": "Never arrived, handled as a delivery problem",
        "label_zh_hans": "未收到商品，按配送问题处理",
        "buyer_label_en": "The item did not arrive: handled as a delivery problem",
        "buyer_label_zh_hans": "未收到商品，按配送问题处理",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "You reported that {item_titles} (order {order_number}) did not arrive. As there is "
            "nothing to send back, {seller_name} has closed the return request and is handling this "
            "as a delivery problem.\n\n"
            "This does not end your claim: the seller will check the delivery and tell you the "
            "result.\n\n"
            "Comments from {seller_name}: {comments}\n\n"
            "Meanwhile, please ask at home, your neighbours or reception, and look where parcels are "
            "usually left. If you do not hear from the seller, please open your request page and ask "
            "us to step in."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您反映未收到订单 {order_number} 中的 {item_titles}。由于没有可以寄回的商品，"
            "{seller_name} 已关闭此退货请求，并按配送问题处理。\n\n"
            "这不影响您继续就未收到商品提出要求：卖家将核实配送情况并告知您结果。\n\n"
            "卖家备注：{comments}\n\n"
            "同时，请您向家人、邻居、前台或快递代收点确认。如果没有收到卖家的答复，请打开退货请求页面，"
            "申请平台介入。"
        ),
    },
    {
        "code": "other",
        "ground": "always",
        "audience": "seller",
        "may_close_withdrawal": False,
        "label_en": "Other (explain in your comments)",
        "label_zh_hans": "其他（请在备注中说明）",
        "buyer_label_en": "Another reason, explained by the seller",
        "buyer_label_zh_hans": "其他原因，见卖家说明",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "{seller_name} has closed your return request for {item_titles} (order {order_number}) "
            "and gives this reason:\n\n"
            "{comments}\n\n"
            "If you do not agree or have a question, please answer on your request page; there you "
            "can also ask us to step in. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您针对订单 {order_number} 中的 {item_titles} 提交的退货请求已由 {seller_name} 关闭，"
            "卖家说明的原因如下：\n\n"
            "{comments}\n\n"
            "如果您不同意或有疑问，请在退货请求页面回复，也可以在该页面申请平台介入。"
            "您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "buyer_keeps_item",
        "ground": "always",
        "audience": "buyer",
        "may_close_withdrawal": False,
        "label_en": "I want to keep the item",
        "label_zh_hans": "我想保留商品",
        "buyer_label_en": "You want to keep the item",
        "buyer_label_zh_hans": "您想保留商品",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "You have closed your return request for {item_titles} (order {order_number}), because "
            "you want to keep the item. Please do not send it back and do not use a return label that "
            "you may have received. This request will not lead to a refund.\n\n"
            "Your comment: {comments}\n\n"
            "If you change your mind, you can ask for a return again until {return_window_end}.\n\n"
            "If it was not you who did this, or if the item turns out to be faulty, please tell us on "
            "your request page. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您已关闭针对订单 {order_number} 中 {item_titles} 的退货请求，原因是您想保留商品。"
            "请不要寄回商品，也不要使用可能已收到的退货标签。此请求不会产生退款。\n\n"
            "您的说明：{comments}\n\n"
            "如果您改变主意，最晚可于 {return_window_end} 再次申请退货。\n\n"
            "如非您本人操作，或者商品出现质量问题，请在退货请求页面告诉我们。您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "buyer_problem_solved",
        "ground": "always",
        "audience": "buyer",
        "may_close_withdrawal": False,
        "label_en": "The problem is solved",
        "label_zh_hans": "问题已解决",
        "buyer_label_en": "The problem is solved",
        "buyer_label_zh_hans": "问题已解决",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "You have closed your return request for {item_titles} (order {order_number}), because "
            "the problem is solved. You do not need to send anything back.\n\n"
            "Your comment: {comments}\n\n"
            "If the problem comes back, please tell us on your request page. Your legal rights are "
            "not affected.\n\n"
            "If you change your mind, you can ask for a return again until {return_window_end}."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您已关闭针对订单 {order_number} 中 {item_titles} 的退货请求，原因是问题已解决。"
            "您无需寄回商品。\n\n"
            "您的说明：{comments}\n\n"
            "如果问题再次出现，请在退货请求页面告诉我们。您依法享有的权利不受影响。\n\n"
            "如果您改变主意，最晚可于 {return_window_end} 再次申请退货。"
        ),
    },
    {
        "code": "buyer_by_mistake",
        "ground": "always",
        "audience": "buyer",
        "may_close_withdrawal": False,
        "label_en": "I asked by mistake",
        "label_zh_hans": "我误提交了请求",
        "buyer_label_en": "You asked by mistake",
        "buyer_label_zh_hans": "您误提交了请求",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "You have closed your return request for {item_titles} (order {order_number}), because it "
            "was made by mistake. Your order stands as before, and you do not need to send anything "
            "back.\n\n"
            "Your comment: {comments}\n\n"
            "If you change your mind, you can ask for a return again until {return_window_end}.\n\n"
            "If it was not you who did this, or if the item turns out to be faulty, please tell us on "
            "your request page. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您已关闭针对订单 {order_number} 中 {item_titles} 的退货请求，原因是误提交。"
            "您的订单保持不变，您无需寄回商品。\n\n"
            "您的说明：{comments}\n\n"
            "如果您改变主意，最晚可于 {return_window_end} 再次申请退货。\n\n"
            "如非您本人操作，或者商品出现质量问题，请在退货请求页面告诉我们。您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "buyer_other",
        "ground": "always",
        "audience": "buyer",
        "may_close_withdrawal": False,
        "label_en": "Another reason",
        "label_zh_hans": "其他原因",
        "buyer_label_en": "Another reason",
        "buyer_label_zh_hans": "其他原因",
        "text_en": (
            "Hello {buyer_name},\n\n"
            "You have closed your return request for {item_titles} (order {order_number}). You do not "
            "need to send anything back.\n\n"
            "Your comment: {comments}\n\n"
            "If you change your mind, you can ask for a return again until {return_window_end}.\n\n"
            "If it was not you who did this, or if the item turns out to be faulty, please tell us on "
            "your request page. Your legal rights are not affected."
        ),
        "text_zh_hans": (
            "{buyer_name}，您好：\n\n"
            "您已关闭针对订单 {order_number} 中 {item_titles} 的退货请求。您无需寄回商品。\n\n"
            "您的说明：{comments}\n\n"
            "如果您改变主意，最晚可于 {return_window_end} 再次申请退货。\n\n"
            "如非您本人操作，或者商品出现质量问题，请在退货请求页面告诉我们。您依法享有的权利不受影响。"
        ),
    },
    {
        "code": "closed_at_marketplace",
        "ground": "none",
        "audience": "import",
        "may_close_withdrawal": False,
        "label_en": "Closed at the marketplace",
        "label_zh_hans": "已在平台关闭",
        "buyer_label_en": "Closed at the marketplace",
        "buyer_label_zh_hans": "已在平台关闭",
        "text_en": "",
        "text_zh_hans": "",
    },
]


def fill(apps, schema_editor):
    return_reason = apps.get_model("returns", "ReturnReason")
    for position, (code, english, chinese, fault, is_comment_required) in enumerate(RETURN_REASONS, start=1):
        return_reason.objects.create(
            code=code,
            label_en=english,
            label_zh_hans=chinese,
            fault=fault,
            is_comment_required=is_comment_required,
            position=position * 10,
        )
    closure_reason = apps.get_model("returns", "ClosureReason")
    for position, columns in enumerate(CLOSURE_REASONS, start=1):
        closure_reason.objects.create(position=position * 10, **columns)
    apps.get_model("returns", "MarketplaceSettings").objects.create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("returns", "0002_events_are_append_only")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
