"""Words about garments: the part of each that tells it from similar ones."""

DISTINCTIVE_PARTS = {
    "dress": "the full length, shoulders to hem,",
    "hat": "the brim",
    "hoodie": "the hood",
    "jacket": "the zip, lining and thickness",
    "jeans": "the full legs",
    "longsleeve": "the cuffs and neckline",
    "outwear": "the zip, lining and thickness",
    "pants": "the full legs",
    "polo": "the short button placket",
    "pullover": "the knit and waistband",
    "shirt": "the collar and buttons",
    "shoes": "the soles and laces",
    "shorts": "the leg hems",
    "skirt": "the waistband and hem",
    "sweater": "the knit and waistband",
    "t-shirt": "the spread short sleeves",
    "top": "the straps and neckline",
    "trouser": "the full legs",
    "trousers": "the full legs",
}
